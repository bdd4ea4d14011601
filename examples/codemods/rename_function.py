"""Rename a function wherever it is defined, imported and used.

    python rename_function.py OLD NEW FOLDER...

Names are found in the syntax tree, so strings and comments that happen to hold the word stay as
they are. Only whole programs are written: a file that does not parse afterwards is left alone,
and the exit code is 1. It is 3 if the name was found nowhere.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path


def places(tree: ast.Module, old: str) -> Iterator[tuple[int, int]]:
    """Yield line (from 1) and column (in bytes) of each place where the name stands."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) if name == old:
                yield node.lineno, node.col_offset
            case ast.alias(name=name) if name == old:
                yield node.lineno, node.col_offset
            case ast.FunctionDef(name=name) if name == old:
                yield node.lineno, node.col_offset + len("def ")
            case ast.Attribute(attr=name) if name == old and node.end_col_offset is not None:
                yield node.end_lineno or node.lineno, node.end_col_offset - len(old.encode())
            case _:
                pass


def renamed(text: str, old: str, new: str) -> tuple[str, int]:
    """Return the program with the new name, and how often it was renamed."""
    lines = [line.encode() for line in text.split("\n")]
    found = sorted(set(places(ast.parse(text), old)), reverse=True)
    for number, column in found:
        line = lines[number - 1]
        end = column + len(old.encode())
        lines[number - 1] = line[:column] + new.encode() + line[end:]
    return b"\n".join(lines).decode(), len(found)


def main(old: str, new: str, folders: list[str]) -> int:
    """Rename in all Python files of the folders; return the exit code."""
    count = 0
    for path in sorted(path for folder in folders for path in Path(folder).rglob("*.py")):
        text, here = renamed(path.read_text(encoding="utf-8"), old, new)
        ast.parse(text, filename=str(path))
        if here:
            path.write_text(text, encoding="utf-8")
            print(f"{path}: {here}")
        count += here
    print(f"{old} is {new} now, in {count} places")
    return 0 if count else 3


if __name__ == "__main__":
    if len(sys.argv) < 4 or not sys.argv[2].isidentifier():
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
