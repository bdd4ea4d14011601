"""Which names a module uses, with its imports resolved.

`from time import monotonic as ticks` makes `ticks` mean `time.monotonic`, and that is what the
rules see. A name in an annotation is no use: who takes a `random.Random` as an argument does
what the rules ask for.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple, cast

from tests.tidy.sources import Source

_BUILTINS: Final = frozenset(dir(builtins))


class Use(NamedTuple):
    """A dotted name and the line it stands on."""

    name: str
    line: int


def imported(source: Source) -> Iterator[Use]:
    r"""Yield the full name of everything imported, wherever the import stands.

    Examples:
        >>> text = "import os.path, time\nfrom a import b"
        >>> [use.name for use in imported(Source("m", text))]
        ['os.path', 'time', 'a.b']
    """
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from (Use(alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (Use(f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def used(source: Source) -> Iterator[Use]:
    r"""Yield every imported or built-in name that is used outside annotations, in any order.

    Examples:
        >>> text = "from time import time as t\nimport os.path as p\nprint(t(), p.join, x.t)"
        >>> sorted(use.name for use in used(Source("m", text)))
        ['builtins.print', 'os.path.join', 'time.time']
    """
    aliases = dict(_aliases(source))
    pending: list[ast.AST] = [source.tree]
    while pending:
        node = pending.pop()
        use = _resolve(node, aliases) if isinstance(node, ast.Attribute | ast.Name) else None
        if use is None:
            pending.extend(_children(node))
        else:
            yield use


def defined(source: Source) -> Iterator[Use]:
    """Yield every name that the module gives to something of its own.

    Examples:
        >>> text = "def f(a, *, b=1): c = a; self.d = c; return e"
        >>> sorted(use.name for use in defined(Source("m", text)))
        ['a', 'b', 'c', 'd', 'f']
    """
    for node in ast.walk(source.tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield Use(name, node.lineno)
            case ast.ClassDef(name=name) | ast.arg(arg=name):
                yield Use(name, node.lineno)
            case ast.Name(id=name, ctx=ast.Store()):
                yield Use(name, node.lineno)
            case ast.Attribute(attr=name, ctx=ast.Store()):
                yield Use(name, node.lineno)
            case _:
                pass


def _aliases(source: Source) -> Iterator[tuple[str, str]]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                yield (alias.asname, alias.name) if alias.asname else (top, top)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _resolve(node: ast.Attribute | ast.Name, aliases: Mapping[str, str]) -> Use | None:
    """Return the full name of `a.b.c` if `a` is imported, and of a bare built-in name."""
    attributes: list[str] = []
    root: ast.expr = node
    while isinstance(root, ast.Attribute):
        attributes.insert(0, root.attr)
        root = root.value
    if not isinstance(root, ast.Name):
        return None
    if root.id in aliases:
        return Use(".".join([aliases[root.id], *attributes]), node.lineno)
    bare = not attributes and isinstance(root.ctx, ast.Load) and root.id in _BUILTINS
    return Use(f"builtins.{root.id}", node.lineno) if bare else None


def _children(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the parts of a node that run, so no annotations."""
    for name, value in ast.iter_fields(node):
        if name not in {"annotation", "returns"}:
            parts = cast("list[object]", value if isinstance(value, list) else [value])
            yield from (part for part in parts if isinstance(part, ast.AST))
