"""JSON Schemas of plan and configuration, made from the models and shipped for editors."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import CoreSchema

from banksman.config.plan_model import PlanFile
from banksman.config.settings_model import ConfigFile
from banksman.config.shapes import as_group, as_list

SCHEMAS: Final[dict[str, type[BaseModel]]] = {
    "plan.schema.json": PlanFile,
    "config.schema.json": ConfigFile,
}
"""The models by the names of their schemas."""


def schema_text(name: str) -> str:
    """Return a shipped schema; `name` is a key of `SCHEMAS`."""
    return files("banksman.config").joinpath("schemas", name).read_text("utf-8")


def write_schemas(folder: Path) -> None:
    """Copy the shipped schemas into a folder, where an editor can find them."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in SCHEMAS:
        (folder / name).write_text(schema_text(name), "utf-8")


def made_schema(name: str) -> dict[str, object]:
    """Return a schema as the models are now; a test compares it with the shipped one."""
    return SCHEMAS[name].model_json_schema(schema_generator=_Generator)


def made_text(name: str) -> str:
    """Return `made_schema` as the text of its file."""
    return json.dumps(made_schema(name), indent=2, ensure_ascii=False) + "\n"


class _Generator(GenerateJsonSchema):
    """Draft 2020-12, for people's editors."""

    def generate(
        self, schema: CoreSchema, mode: JsonSchemaMode = "validation"
    ) -> JsonSchemaValue:
        made = super().generate(schema, mode)
        _tidy(made)
        return {"$schema": self.schema_dialect, **made}

    def field_title_should_be_set(self, schema: object) -> bool:
        """Return that keys have no titles: they say what the key says."""
        return False


def _tidy(node: object) -> None:
    """Drop what stands for "left out": editors would offer it, and files cannot say it."""
    group = as_group(node)
    if group is not None:
        if group.get("default", True) in (None, "", []):
            del group["default"]
        kinds = as_list(group.get("anyOf"))
        if kinds and kinds[1:] == [{"type": "null"}]:
            del group["anyOf"]
            group.update(as_group(kinds[0]) or {})
    for child in list(group.values()) if group is not None else as_list(node) or []:
        _tidy(child)
