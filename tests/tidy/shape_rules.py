"""Rules on the shape of code: sizes, imports, what is caught, modules that nobody uses."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Final

from tests.tidy.names import imported
from tests.tidy.sources import ROOT, Finding, Rule, Source, each, in_code, in_package, is_below

MODULE_LINES_MAX: Final = 400
FUNCTION_LINES_MAX: Final = 60

LONG_MODULES: Final[Mapping[str, str]] = {}
"""Modules that may be longer, with the reason."""

LOCAL_IMPORTS: Final[Mapping[str, str]] = {}
"""Modules that may import inside functions, with the optional dependency that needs it."""

EDGES: Final[Mapping[str, str]] = {
    "banksman.cli.main": "the command line tells the person",
    "banksman.orchestration.engine": "one attempt fails, the others go on",
    "banksman.orchestration.group_commit": "handed to the coroutine that waits for it",
    "banksman.orchestration.worker": "one attempt fails, the others go on",
    "banksman.plugins": "a plug-in that breaks is named",
    "banksman.web": "the page tells the person",
}
"""Where exceptions end, and what becomes of them there."""

CATCH_ALL: Final = frozenset({"Exception", "BaseException"})

FOUND_BY_PATH: Final = ("banksman.stores.migrations",)
"""Modules that a tool loads by their place on disk."""


def long_modules(source: Source) -> Iterator[Finding]:
    """Yield the module if it is too long."""
    size = len(source.lines)
    if size > MODULE_LINES_MAX and source.module not in LONG_MODULES:
        advice = f"{size} lines; split it along a noun (at most {MODULE_LINES_MAX})"
        yield Finding(source, 1, advice)


def long_functions(source: Source) -> Iterator[Finding]:
    """Yield the functions that are too long, docstring included."""
    for function in _functions(source):
        size = (function.end_lineno or function.lineno) - function.lineno + 1
        if size > FUNCTION_LINES_MAX:
            advice = f"{function.name} has {size} lines (at most {FUNCTION_LINES_MAX})"
            yield Finding(source, function.lineno, advice)


def _functions(source: Source) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def local_imports(source: Source) -> Iterator[Finding]:
    """Yield the imports inside functions."""
    if source.module in LOCAL_IMPORTS:
        return
    inside = (node for function in _functions(source) for node in ast.walk(function))
    for node in inside:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield Finding(source, node.lineno, "import at the top of the module")


def hidden_imports(source: Source) -> Iterator[Finding]:
    """Yield each use of `TYPE_CHECKING`."""
    for node in ast.walk(source.tree):
        match node:
            case ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
                yield Finding(source, node.lineno, "this hides cycles: import it plainly")
            case _:
                pass


def shells(source: Source) -> Iterator[Finding]:
    """Yield each call with `shell=True`, or with a `shell` that may be true."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.keyword) and node.arg == "shell":
            off = isinstance(node.value, ast.Constant) and node.value.value is False
            if not off:
                yield Finding(source, node.value.lineno, "no shell: pass a list of arguments")


def broad_catches(source: Source) -> Iterator[Finding]:
    """Yield each handler that catches everything, unless it raises it on or is an edge.

    An edge says in a comment, on that line or the next, what happens to the error.
    """
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ExceptHandler) and _catches_all(node) and not _raises_on(node):
            said = source.comments.keys() & {node.lineno, node.lineno + 1}
            if not source.within(*EDGES):
                advice = "catch what you can name; everything is caught at an edge only (EDGES)"
                yield Finding(source, node.lineno, advice)
            elif not said:
                yield Finding(source, node.lineno, "say in a comment what happens to the error")


def _catches_all(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    names = {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)}
    return bool(names & CATCH_ALL)


def _raises_on(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def dead_modules(sources: Sequence[Source]) -> Iterator[Finding]:
    """Yield the modules that nothing imports, starts or names as an entry point.

    Imports have no cycles, so if a group of modules is dead, one of them is imported by none.
    Tests count as users of the conformance suites only.
    """
    alive = set(entry_points())
    for source in sources:
        if source.within("banksman") or source.within("tests", "examples"):
            alive |= {name for name in _reached(source) if _counts(source, name)}
    for source in sources:
        packages = source.where.endswith("__init__.py") or source.module == "banksman"
        if source.within("banksman") and not packages and not source.within(*FOUND_BY_PATH):
            started = source.module in alive or source.module.endswith(".__main__")
            if not started:
                yield Finding(source, 1, "nothing imports or starts this module: remove it")


def _counts(user: Source, name: str) -> bool:
    return user.module != name and (
        user.within("banksman") or is_below(name, "banksman.testing")
    )


def _reached(source: Source) -> Iterator[str]:
    """Yield every name that may be a module: imported, or in a string such as `python -m`'s."""
    for use in imported(source):
        yield use.name
        yield use.name.rpartition(".")[0]
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@cache
def entry_points() -> frozenset[str]:
    """Return the modules that pyproject.toml names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = [project["scripts"], *project["entry-points"].values()]
    return frozenset(target.partition(":")[0] for group in groups for target in group.values())


_CATCHING = "try:\n    pass\nexcept {}:{}\n    {}\n"

SHAPE_RULES: Final = (
    Rule(
        name=f"A module has at most {MODULE_LINES_MAX} lines",
        applies=in_code,
        check=each(long_modules),
        trips=({"banksman.sample": "x = 1\n" * 401},),
        spares=({"banksman.sample": "x = 1\n" * 400},),
    ),
    Rule(
        name=f"A function has at most {FUNCTION_LINES_MAX} lines",
        applies=in_code,
        check=each(long_functions),
        trips=({"banksman.sample": "async def f():\n" + "    x = 1\n" * 60},),
        spares=({"banksman.sample": "def f():\n" + "    x = 1\n" * 59},),
    ),
    Rule(
        name="Imports stand at the top",
        applies=in_code,
        check=each(local_imports),
        trips=({"banksman.sample": "def f():\n    if x:\n        from os import path\n"},),
        spares=({"banksman.sample": "from os import path\n"},),
    ),
    Rule(
        name="No import is hidden from the running program",
        applies=in_code,
        check=each(hidden_imports),
        trips=({"banksman.sample": "if typing.TYPE_CHECKING:\n    import os\n"},),
        spares=({"banksman.sample": "if DEBUG:\n    import os\n"},),
    ),
    Rule(
        name="No shell reads arguments",
        applies=in_code,
        check=each(shells),
        trips=(
            {"banksman.sample": "f('ls', shell=True)\n"},
            {"banksman.sample": "f(shell=x)\n"},
        ),
        spares=({"banksman.sample": "f(['ls'], shell=False)\n"},),
    ),
    Rule(
        name="Exceptions travel to an edge, which says what becomes of them",
        applies=in_package,
        check=each(broad_catches),
        trips=(
            {
                "banksman.core.sample": _CATCHING.format(
                    "(OSError, Exception)", "  # Why", "pass"
                )
            },
            {
                "banksman.core.sample": _CATCHING.format(
                    "BaseException as e", "  # Why", "raise e"
                )
            },
            {"banksman.core.sample": "try:\n    pass\nexcept:\n    pass\n"},
            {"banksman.cli.main": _CATCHING.format("Exception", "", "pass")},
        ),
        spares=(
            {"banksman.core.sample": _CATCHING.format("BaseException", "", "raise")},
            {"banksman.core.sample": _CATCHING.format("OSError", "", "pass")},
            {"banksman.cli.main": _CATCHING.format("Exception", "  # Told; exit 1.", "pass")},
        ),
    ),
    Rule(
        name="No module is dead",
        applies=in_code,
        check=dead_modules,
        trips=({"banksman.core.sample": "", "tests.test_x": "import banksman.core.sample\n"},),
        spares=(
            {
                "banksman.core.sample": "",
                "banksman.core.started": "import banksman.core.sample\n",
                "banksman.__main__": "RUN = ('python', '-m', 'banksman.core.started')\n",
            },
            {"banksman.testing.x": "", "tests.test_x": "from banksman.testing import x\n"},
        ),
    ),
)
