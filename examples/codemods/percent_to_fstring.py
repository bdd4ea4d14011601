"""Turn `"..." % values` into f-strings, where both mean the same.

    python percent_to_fstring.py FILE...

Left as it is: a format with names or stars; quotes, backslashes or braces in the text or in a
value; a variable alone (it may hold a tuple); values other than variables, attributes, items,
calls and arithmetic; and whatever spans lines.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PLACE = re.compile(r"%(?P<flags>[-0]*)(?P<width>\d*)(?P<precision>\.\d+)?(?P<kind>[a-zA-Z%])")
KINDS = frozenset("sdrfx")
VALUES = (ast.Name, ast.Attribute, ast.Subscript, ast.Call, ast.BinOp)
REFUSED = frozenset("\"'\\{}\n")


@dataclass(frozen=True)
class Change:
    """A piece of one line, in bytes, and what takes its place."""

    line: int
    start: int
    end: int
    text: str


def changes(tree: ast.Module, text: str) -> Iterator[Change]:
    """Yield the changes that can be made."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Mod):
            continue
        left = node.left
        if isinstance(left, ast.Constant) and isinstance(left.value, str):
            new = fstring(left.value, node.right, text)
            if new is not None and node.lineno == node.end_lineno and node.end_col_offset:
                yield Change(node.lineno, node.col_offset, node.end_col_offset, new)


def fstring(template: str, right: ast.expr, text: str) -> str | None:
    """Return the f-string, or None if there is none that means the same."""
    if isinstance(right, ast.Name):
        return None  # It may hold a tuple, which `%` would take apart.
    values = right.elts if isinstance(right, ast.Tuple) else [right]
    if not all(isinstance(value, VALUES) for value in values):
        return None
    sources = [ast.get_source_segment(text, value) or "" for value in values]
    if set(template) & REFUSED or any(set(source) & REFUSED for source in sources):
        return None
    parts: list[str] = []
    end = 0
    waiting = iter(sources)
    for place in PLACE.finditer(template):
        parts.append(template[end : place.start()])
        end = place.end()
        held = "%" if place["kind"] == "%" else held_by(place, next(waiting, None))
        if held is None:
            return None
        parts.append(held)
    if next(waiting, None) is not None or "%" in template[end:]:
        return None
    return f'f"{"".join(parts)}{template[end:]}"'


def held_by(place: re.Match[str], source: str | None) -> str | None:
    """Return `{source:format}` for one place of the template, or None if there is no such."""
    if source is None or place["kind"] not in KINDS:
        return None
    width = place["width"]
    spec = f"{place['precision'] or ''}{place['kind'] if place['kind'] in 'dfx' else ''}"
    if place["flags"] == "0" and place["kind"] in "dfx":
        width = f"0{width}"
    elif place["flags"] == "-":
        width = f"<{width}"
    elif place["flags"]:
        return None
    elif width:
        width = f">{width}"
    shape = width + spec
    mark = "!r" if place["kind"] == "r" else ""
    return f"{{{source}{mark}{':' + shape if shape else ''}}}"


def main(files: list[str]) -> int:
    """Change the files; return the exit code."""
    for name in files:
        path = Path(name)
        text = path.read_text(encoding="utf-8")
        lines = [line.encode() for line in text.split("\n")]
        made = sorted(changes(ast.parse(text), text), key=lambda one: (one.line, one.start))
        for one in reversed(made):
            line = lines[one.line - 1]
            lines[one.line - 1] = line[: one.start] + one.text.encode() + line[one.end :]
        new = b"\n".join(lines).decode()
        ast.parse(new, filename=name)
        path.write_text(new, encoding="utf-8")
        print(f"{name}: {len(made)} f-strings")
    return 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))
