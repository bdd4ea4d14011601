"""Tiny projects in the languages of the how-to pages, and what changes do to their tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.pages import DOCS

HOW_TO: Final = DOCS / "how-to"


@dataclass(frozen=True, kw_only=True)
class Edit:
    """A change to one text in one file."""

    path: str
    old: str
    new: str


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A section of a page, and a project that does as it says.

    Attributes:
        page: Name of the page.
        section: Its heading.
        files: The project, by path; the tests of it all pass.
        install: Commands before those of the page.
        good: Adds one test that passes.
        bad: Makes one test fail that passed.
        passed: Tests of the project that pass.
        failed: … that fail after the bad change.
        skipped: … that its report says were skipped.
        tools: Programs that it takes.
        found: Whether `banksman init` finds out all that the section says.
    """

    page: str
    section: str
    files: Mapping[str, str]
    install: tuple[tuple[str, ...], ...] = ()
    good: Edit
    bad: Edit
    passed: int
    failed: int = 1
    skipped: int = 0
    tools: tuple[str, ...] = ()
    found: bool = False

    @property
    def path(self) -> Path:
        """The page."""
        return HOW_TO / self.page


PYTEST_FILES: Final = {
    "src/demo/__init__.py": "def add(a, b):\n    return a + b\n",
    "test_demo.py": """\
import demo
import pytest


def test_adds():
    assert demo.add(1, 2) == 3


def test_adds_nothing():
    assert demo.add(0, 0) == 0


@pytest.mark.skip(reason="later")
def test_later():
    pass
""",
}
UNITTEST_FILES: Final = {
    "demo.py": PYTEST_FILES["src/demo/__init__.py"],
    "test_demo.py": """\
import unittest

import demo


class TestAdd(unittest.TestCase):
    def test_adds(self):
        self.assertEqual(demo.add(1, 2), 3)

    def test_adds_nothing(self):
        self.assertEqual(demo.add(0, 0), 0)

    @unittest.skip("later")
    def test_later(self):
        pass
""",
}
PYTHON_BAD: Final = Edit(path="src/demo/__init__.py", old="a + b", new="a - b")
PYTEST_GOOD: Final = Edit(
    path="test_demo.py",
    old="def test_adds():",
    new="def test_adds_more():\n    assert demo.add(2, 2) == 4\n\n\ndef test_adds():",
)
PYPROJECT: Final = """\
[project]
name = "demo"
version = "0.1"
requires-python = ">=3.11"

[tool.pytest.ini_options]
pythonpath = ["src"]
"""

ADD_JS: Final = "exports.add = (a, b) => a + b;\n"
JS_BAD: Final = Edit(path="add.js", old="a + b", new="a - b")
NODE_FILES: Final = {
    "package.json": '{"name": "demo", "version": "1.0.0", "private": true, '
    '"scripts": {"test": "node --test"}}\n',
    "add.js": ADD_JS,
    "add.test.js": """\
const assert = require("node:assert");
const { createServer } = require("node:net");
const { describe, it } = require("node:test");
const isNumber = require("is-number");
const { add } = require("./add.js");

describe("add", () => {
  it("adds", () => assert.equal(add(1, 2), 3));
  describe("of nothing", () => {
    it("adds", () => assert.ok(isNumber(add(0, 0))));
  });
  it.todo("divides");
});
it("listens", (_, done) => {
  const server = createServer();
  server.listen(Number(process.env.PORT ?? 0), "127.0.0.1", () => server.close(done));
});
""",
}
NODE_GOOD: Final = Edit(
    path="add.test.js",
    old='  it("adds", () => assert.equal',
    new='  it("more", () => assert.equal(add(2, 2), 4));\n  it("adds", () => assert.equal',
)
INSTALL: Final = ("npm", "install", "--no-audit", "--no-fund")
GLOBALS_FILES: Final = {
    **NODE_FILES,
    "add.test.js": """\
const { add } = require("./add.js");

describe("add", () => {
  it("adds", () => expect(add(1, 2)).toBe(3));
  it.skip("divides", () => {});
});
""",
    "nothing.test.js": """\
const { add } = require("./add.js");

describe("add", () => {
  it("adds", () => expect(add(0, 0)).toBe(0));
});
""",
}
JEST_PACKAGE: Final = (
    '{"name": "demo", "version": "1.0.0", "private": true, "devDependencies": {"jest": "29"}}'
)
GLOBALS_GOOD: Final = Edit(
    path="add.test.js",
    old='  it("adds"',
    new='  it("more", () => expect(add(2, 2)).toBe(4));\n  it("adds"',
)

RECIPES: Final = (
    Recipe(
        page="python.md",
        section="uv",
        files={**PYTEST_FILES, "pyproject.toml": PYPROJECT},
        good=PYTEST_GOOD,
        bad=PYTHON_BAD,
        passed=2,
        skipped=1,
        found=True,
        tools=("uv",),
    ),
    Recipe(
        page="python.md",
        section="pip and a virtual environment",
        files={
            **PYTEST_FILES,
            "pyproject.toml": PYPROJECT,
            "requirements.txt": "pytest\n",
        },
        good=PYTEST_GOOD,
        bad=PYTHON_BAD,
        passed=2,
        skipped=1,
    ),
    Recipe(
        page="python.md",
        section="One environment for all",
        files={**PYTEST_FILES, "requirements.txt": "pytest\n"},
        good=PYTEST_GOOD,
        bad=PYTHON_BAD,
        passed=2,
        skipped=1,
    ),
    Recipe(
        page="python.md",
        section="unittest",
        files=UNITTEST_FILES,
        good=Edit(
            path="test_demo.py",
            old="    def test_adds(self):",
            new="    def test_more(self):\n        self.assertEqual(demo.add(2, 2), 4)\n\n"
            "    def test_adds(self):",
        ),
        bad=Edit(path="demo.py", old="a + b", new="a - b"),
        passed=2,
        skipped=1,
    ),
    Recipe(
        page="javascript.md",
        section="Node's own runner",
        files=NODE_FILES,
        install=((*INSTALL, "is-number"),),
        good=NODE_GOOD,
        bad=JS_BAD,
        passed=3,
        skipped=1,
        found=True,
        tools=("node", "npm"),
    ),
    Recipe(
        page="javascript.md",
        section="vitest",
        files={
            **GLOBALS_FILES,
            "vitest.config.mjs": "export default { test: { globals: true } };\n",
        },
        install=((*INSTALL, "--save-dev", "vitest"),),
        good=GLOBALS_GOOD,
        bad=JS_BAD,
        passed=2,
        skipped=1,
        found=True,
        tools=("node", "npm"),
    ),
    Recipe(
        page="javascript.md",
        section="jest",
        # The page's own command installs both. Of the next version, npm locks packages for all
        # systems, and not every registry has them all.
        files={**GLOBALS_FILES, "package.json": JEST_PACKAGE},
        good=GLOBALS_GOOD,
        bad=JS_BAD,
        passed=2,
        skipped=1,
        found=True,
        tools=("node", "npm"),
    ),
    Recipe(
        page="javascript.md",
        section="One `node_modules` for all",
        files=NODE_FILES,
        install=((*INSTALL, "is-number"),),
        good=NODE_GOOD,
        bad=JS_BAD,
        passed=3,
        skipped=1,
        tools=("node", "npm"),
    ),
    Recipe(
        page="go.md",
        section="gotestsum",
        files={
            "go.mod": "module example.com/demo\n\ngo 1.19\n",
            "go.sum": "",
            "demo.go": "package demo\n\nfunc Add(a, b int) int { return a + b }\n",
            "demo_test.go": """\
package demo

import "testing"

func TestAdds(t *testing.T) {
	t.Run("one", func(t *testing.T) {
		if Add(1, 2) != 3 {
			t.Fatal("wrong")
		}
	})
}

func TestAddsNothing(t *testing.T) {
	if Add(0, 0) != 0 {
		t.Fatal("wrong")
	}
}

func TestLater(t *testing.T) { t.Skip("later") }
""",
        },
        good=Edit(
            path="demo_test.go",
            old="func TestLater",
            new="func TestMore(t *testing.T) {\n\tif Add(2, 2) != 4 {\n\t\tt.Fatal()\n\t}\n}\n"
            "\nfunc TestLater",
        ),
        bad=Edit(path="demo.go", old="a + b", new="a + b + a"),
        passed=3,
        failed=2,
        skipped=1,
        found=True,
        tools=("go", "gotestsum"),
    ),
    Recipe(
        page="rust.md",
        section="nextest",
        files={
            "Cargo.toml": '[package]\nname = "demo"\nversion = "0.1.0"\nedition = "2021"\n',
            "src/lib.rs": """\
/// Adds.
///
/// ```
/// assert_eq!(demo::add(0, 2), 2);
/// ```
pub fn add(a: i32, b: i32) -> i32 {
    a + b
}

#[cfg(test)]
mod tests {
    #[test]
    fn adds() {
        assert_eq!(super::add(1, 2), 3);
    }

    #[test]
    fn adds_nothing() {
        assert_eq!(super::add(0, 0), 0);
    }

    #[test]
    #[ignore]
    fn later() {}
}
""",
        },
        install=(("cargo", "generate-lockfile", "--offline"),),
        good=Edit(
            path="src/lib.rs",
            old="    #[test]\n    fn adds() {",
            new="    #[test]\n    fn more() {\n        assert_eq!(super::add(2, 2), 4);\n"
            "    }\n\n    #[test]\n    fn adds() {",
        ),
        bad=Edit(path="src/lib.rs", old="a + b", new="a + b + a"),
        passed=2,
        found=True,
        tools=("cargo", "cargo-nextest"),
    ),
)
