"""Events about the repository itself: what they are about concerns every task."""

from __future__ import annotations

from banksman.core.breakpoints import BreakpointType
from banksman.core.records import BreakpointEvent
from banksman.exceptions import GIT_CHANGED


def is_about_git(event: BreakpointEvent) -> bool:
    """Return whether an event says that what git may run was changed.

    The sentence is the engine's own: no other event of this type can have it.
    """
    return event.type is BreakpointType.PROTECTED_PATH and event.message == GIT_CHANGED


def holds_claims(event: BreakpointEvent) -> bool:
    """Return whether no task may begin before a person has answered an event."""
    return event.type is BreakpointType.TARGET_REWRITTEN or is_about_git(event)
