"""What `[sandbox]` may hold."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from banksman.config.fields import (
    ITEM_MAX,
    LIST_MAX,
    Listed,
    Said,
    choice,
    distinct,
    one_line,
)


class SandboxMode(StrEnum):
    """Whether agents and checks are confined."""

    ON = "on"
    OFF = "off"


_Place = Annotated[
    str,
    Field(strict=True, min_length=1, max_length=ITEM_MAX),
    AfterValidator(one_line),
    Said('a path such as "~/secrets"'),
]

_Places = Annotated[
    tuple[_Place, ...],
    Field(max_length=LIST_MAX, json_schema_extra={"uniqueItems": True}),
    AfterValidator(distinct),
    Listed('paths such as ["~/secrets"]'),
]


class SandboxTable(BaseModel):
    """What agents, checks and setup commands can touch of your machine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Annotated[SandboxMode, choice(SandboxMode)] = Field(
        default=SandboxMode.ON,
        description="Whether they are confined (`on`), or can do all that you can (`off`).",
    )
    hidden: _Places = Field(
        default=(),
        description="Files and folders that they do not see, beside those where secrets "
        "usually lie; absolute, from `~`, or from the folder of this file.",
    )
    writable: _Places = Field(
        default=(),
        description="Files and folders that they may write beside their worktree and their own "
        "`HOME`, such as a cache that they share.",
    )
