"""Writes what is made from the models: the shipped schemas and the reference pages.

Run in the top folder of the repository: `python -m banksman.config.generate`.
"""

from __future__ import annotations

from pathlib import Path

from banksman.config.reference import configuration_page, plan_page
from banksman.config.schemas import SCHEMAS, made_text


def made_files() -> dict[str, str]:
    """Return the text of each file by its path in the repository."""
    schemas = {f"src/banksman/config/schemas/{name}": made_text(name) for name in SCHEMAS}
    return schemas | {
        "docs/reference/plan.md": plan_page(),
        "docs/reference/configuration.md": configuration_page(),
    }


def main() -> None:
    """Write them, from the present folder."""
    for path, text in made_files().items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
