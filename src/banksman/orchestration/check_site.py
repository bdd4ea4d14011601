"""The checkout that all checks of one attempt share."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, AsyncExitStack
from types import TracebackType
from typing import Protocol, Self

from banksman.exceptions import WorkspaceException
from banksman.ports import Checkout


class Checkouts(Protocol):
    """The one thing that checks need of `banksman.ports.Workspaces`."""

    def checkout(self, commit: str, purpose: str) -> AbstractAsyncContextManager[Checkout]:
        """Open a fresh checkout of a commit, set up for checks; removed at the end."""
        ...


class Site:
    """A checkout that is opened once it is needed, and what went wrong if it could not be.

    Attributes:
        checkout: None before it is opened, and after that failed.
        trouble: Why it could not be set up.
        output: What the set-up printed.
    """

    def __init__(self, workspaces: Checkouts, commit: str) -> None:
        self._workspaces = workspaces
        self._commit = commit
        self._stack = AsyncExitStack()
        self.checkout: Checkout | None = None
        self.trouble = ""
        self.output = ""

    async def __aenter__(self) -> Self:
        await self._stack.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    async def open(self) -> None:
        """Open the checkout, if it is not open."""
        if self.checkout is not None:
            return
        try:
            self.checkout = await self._stack.enter_async_context(
                self._workspaces.checkout(self._commit, "checks")
            )
        except WorkspaceException as error:
            # The work itself may be why: what it changed can break its own set-up.
            self.trouble = f"the checkout could not be set up: {error.message}"
            self.output = error.output
