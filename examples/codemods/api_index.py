"""Write a page that lists the public functions and classes of a package.

    python api_index.py PACKAGE PAGE

Everything is read from the source; nothing is imported. The same package gives the same page.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path


def entries(path: Path) -> Iterator[str]:
    """Yield a line for each public function and class at the top of a module."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        said = (ast.get_docstring(node) or "").split("\n")[0]
        shape = f"({ast.unparse(node.args)})" if isinstance(node, ast.FunctionDef) else ""
        yield f"- `{node.name}{shape}`: {said}" if said else f"- `{node.name}{shape}`"


def page(package: Path) -> str:
    """Return the page of a package, module by module."""
    parts = [f"# {package.name}\n"]
    for path in sorted(package.glob("*.py")):
        lines = list(entries(path))
        if lines:
            parts.append(f"## {package.name}.{path.stem}\n\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


def main(package: str, name: str) -> int:
    """Write the page; return the exit code."""
    target = Path(name)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(page(Path(package)), encoding="utf-8")
    print(f"{name} is written")
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
