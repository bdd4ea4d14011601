"""What a program says that its turn cost: a file of JSON in a private folder of the turn.

Anything may be in its place: what is not a small regular file that says it properly counts as
nothing said, and the log says why. It is believed for what it says of the cost, and of nothing
else; turns and time are counted without it.
"""

from __future__ import annotations

import logging
import math
import os
import shutil
import stat
from dataclasses import replace
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from banksman.core.budget import MICROUSD
from banksman.core.outcome import Usage

log = logging.getLogger(__name__)

VARIABLE: Final = "BANKSMAN_USAGE_FILE"
BYTES_MAX: Final = 65_536
TOKENS_MAX: Final = 1_000_000_000_000
DOLLARS_MAX: Final = 1_000_000
MODEL_CHARS_MAX: Final = 200
_NAME: Final = "usage.json"


class _Said(BaseModel):
    """What the file may say; other keys are for others."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    model: str = Field(default="", max_length=MODEL_CHARS_MAX)
    input_tokens: int = Field(default=0, ge=0, le=TOKENS_MAX)
    output_tokens: int = Field(default=0, ge=0, le=TOKENS_MAX)
    cost_usd: float = Field(default=0, ge=0, le=DOLLARS_MAX, allow_inf_nan=False)


class UsageFile:
    """The file of one turn.

    Args:
        folder: A folder of the turn's own, which the program may write.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / _NAME

    def prepare(self) -> None:
        """Make the folder; what is in it stays, if the turn was begun before."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def added_to(self, usage: Usage) -> Usage:
        """Return a turn's usage with what its program says; as it is, if it says nothing."""
        try:
            said = _read(self.folder)
        except FileNotFoundError:
            return usage
        except (OSError, ValueError) as error:
            # What else should be done about it? The work is not worse for it.
            log.warning("usage.not_readable: %s: %.300r", self.path, str(error))
            return usage
        return replace(
            usage,
            model=said.model,
            input_tokens=said.input_tokens,
            output_tokens=said.output_tokens,
            # Rounded up, but for the noise of floating point: never told as less than it is.
            cost_microusd=math.ceil(round(said.cost_usd * MICROUSD, 3)),
        )

    def forget(self) -> None:
        """Remove the folder, as far as it can be removed."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _read(folder: Path) -> _Said:
    """Return what the file says (`OSError`, `ValueError`)."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    inside = os.open(folder, flags | os.O_DIRECTORY)
    try:
        # A pipe in its place must not make the engine wait.
        descriptor = os.open(_NAME, flags | os.O_NONBLOCK, dir_fd=inside)
    finally:
        os.close(inside)
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(BYTES_MAX) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""
    # One that is longer is cut off, and so no JSON any more.
    return _Said.model_validate_json(content)
