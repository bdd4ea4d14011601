"""A table of settings of one check, read key by key; every refusal names check and key."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from banksman.checks.process import TIMEOUT_MIN, Tool
from banksman.core.names import one_line
from banksman.exceptions import InputException

TIMEOUT_MIN_MAX: Final = 24 * 60.0
COMMON: Final = ("type", "required")


@dataclass(frozen=True)
class Table:
    """The settings of the check `name`."""

    name: str
    settings: Mapping[str, object]

    def allow(self, *keys: str) -> None:
        """Refuse all keys but these and those of every check."""
        known = (*COMMON, *keys)
        for key in self.settings:
            if key not in known:
                raise self.refused(key, "is no setting of this check", known=known, sought=key)

    def text(self, key: str, default: str) -> str:
        """Return a text."""
        value = self.settings.get(key, default)
        if not isinstance(value, str):
            raise self.refused(key, "must be a text")
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        """Return true or false."""
        value = self.settings.get(key, default)
        if not isinstance(value, bool):
            raise self.refused(key, "must be true or false")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts; empty if the key is absent."""
        value = self.settings.get(key, ())
        if not isinstance(value, list | tuple):
            raise self.refused(key, "must be a list of texts")
        items = cast("Sequence[object]", value)
        texts = tuple(item for item in items if isinstance(item, str))
        if len(texts) != len(items):
            raise self.refused(key, "must be a list of texts")
        return texts

    def tool(self) -> Tool:
        """Return the program that `command`, `timeout_min`, `env` and `network` describe."""
        command = self.texts("command")
        if not command or not command[0] or any("\0" in part for part in command):
            raise self.refused("command", "must be a program and its arguments, as a list")
        return Tool(
            command=command,
            timeout_min=self._timeout_min(),
            env=self._env(),
            network=self.flag("network", default=False),
        )

    def refused(
        self, key: str, why: str, *, known: Collection[str] = (), sought: str = ""
    ) -> InputException:
        """Return the refusal of a key, with the known name nearest to what was sought."""
        near = difflib.get_close_matches(sought, known, n=1)
        names = ", ".join(map(repr, known))
        hint = f"Did you mean {near[0]!r}?" if near else f"Known are {names}." if known else ""
        where = f"checks.{one_line(self.name, 60)}.{one_line(key, 60)}"
        return InputException(message=f"{where} {why}.", hint=hint)

    def _timeout_min(self) -> float:
        value = self.settings.get("timeout_min", TIMEOUT_MIN)
        number = value if isinstance(value, int | float) and value is not True else math.nan
        # Not-a-number is above nothing.
        if not 0 < number <= TIMEOUT_MIN_MAX:
            limit = f"above 0 and at most {TIMEOUT_MIN_MAX:g} minutes"
            raise self.refused("timeout_min", f"must be a number {limit}")
        return float(number)

    def _env(self) -> dict[str, str]:
        value = self.settings.get("env", {})
        if not isinstance(value, Mapping):
            raise self.refused("env", "must be a table of texts by name")
        items = cast("Mapping[object, object]", value).items()
        env = {
            key: text for key, text in items if isinstance(key, str) and isinstance(text, str)
        }
        named = all(key and not set(key) & {"=", "\0"} for key in env)
        if len(env) != len(items) or not named or any("\0" in text for text in env.values()):
            raise self.refused("env", "must be a table of texts by name")
        return env
