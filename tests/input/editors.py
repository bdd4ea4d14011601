"""What an editor would say of a file, by its schema."""

from __future__ import annotations

import json
from functools import cache
from typing import Protocol, cast

from jsonschema import Draft202012Validator

from banksman.config.schemas import schema_text


class _Validator(Protocol):
    def is_valid(self, instance: object) -> bool: ...


@cache
def _validator(name: str) -> _Validator:
    schema = json.loads(schema_text(name))
    # Its types know plain JSON only; what it is shown may be anything.
    return cast("_Validator", Draft202012Validator(schema))


def an_editor_accepts(file: str, content: object) -> bool:
    """Return whether the schema of this file takes the content, as plain data."""
    name = "config.schema.json" if file == "banksman.toml" else "plan.schema.json"
    return _validator(name).is_valid(content)
