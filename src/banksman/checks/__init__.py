"""Questions asked of the evidence by real tools."""

from banksman.checks.factory import checks_from

__all__ = ["checks_from"]
