"""The examples: the sample is what its plan says, and its tools do what they are for."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from banksman.agents.script import read_scripts
from banksman.config.plan import load_plan
from tests.tidy.sources import ROOT

EXAMPLES = ROOT / "examples"
SAMPLE = EXAMPLES / "sample"
CODEMODS = EXAMPLES / "codemods"

PRINTED = """\
from prices import calc_cost, other as calc_cost_too

# calc_cost stays in comments
def calc_cost(size):
    return prices.calc_cost("calc_cost", "grün") + calc_cost(size) + calc_costs
"""
OLD_FORMATS = r"""
a = "%s and %d" % (one, two.three)
b = "%05d|%-8s|%8s|%.2f|%r|%x|100%%" % (n, s, t, f(x), r[0], h + 1)
c = "%s" % f(x)
left = ["%s" % name, "%(a)s" % names(), "%*d" % (3, n), "%s" % 'quoted']
left += ["{%s}" % f(x), "\n%s" % f(x), "%s" % (x if y else z), "%s" % (*one,), "%s %s" % (x,)]
left += [n % 3, "%s"
    % f(x)]
"""
NEW_FORMATS = r"""
a = f"{one} and {two.three:d}"
b = f"{n:05d}|{s:<8}|{t:>8}|{f(x):.2f}|{r[0]!r}|{h + 1:x}|100%"
c = f"{f(x)}"
left = ["%s" % name, "%(a)s" % names(), "%*d" % (3, n), "%s" % 'quoted']
left += ["{%s}" % f(x), "\n%s" % f(x), "%s" % (x if y else z), "%s" % (*one,), "%s %s" % (x,)]
left += [n % 3, "%s"
    % f(x)]
"""


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """A copy of the sample, so that no cache is left in the repository."""
    copy = tmp_path / "sample"
    shutil.copytree(SAMPLE, copy, ignore=shutil.ignore_patterns("__pycache__", ".*_cache"))
    return copy


# --- the sample ----------------------------------------------------------------------------


def test_the_tests_of_the_sample_pass(sample: Path) -> None:
    done = run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=sample)
    assert done.returncode == 0, done.stdout
    assert re.search(r"^44 passed", done.stdout, re.MULTILINE)


def test_the_sample_has_the_bug_that_its_plan_repairs(sample: Path) -> None:
    program = "from parcels.prices import TIERS, tier_price; print(tier_price(2000), TIERS[1])"
    assert run(sys.executable, "-c", program, cwd=sample).stdout == "749 (2000, 549)\n"


def test_the_sample_has_old_style_code_for_the_tools(sample: Path) -> None:
    ruff = Path(sys.executable).parent / "ruff"
    found = run(ruff, "check", "--select", "UP,I", "--statistics", "parcels", cwd=sample)
    assert {"UP006", "UP045", "I001", "UP031"} <= set(re.findall(r"[A-Z]+\d{3}", found.stdout))
    assert run(ruff, "format", "--check", "parcels", cwd=sample).returncode == 1


def test_the_plan_is_a_diamond_with_a_question_and_a_tail() -> None:
    plan = load_plan(
        SAMPLE / "plan.yaml",
        agents=frozenset({"upgrade", "format", "rename", "fstrings", "api-page", "scripted"}),
        checks=frozenset({"syntax", "tests"}),
    )
    needs = {task.spec.key: set(task.needs) for task in plan.tasks}
    branches = {key for key, needed in needs.items() if needed == {"modernise"}}
    assert len(needs) >= 8
    assert len(branches) >= 2
    assert [key for key, needed in needs.items() if not needed] == ["modernise"]
    assert needs["format"] == branches
    assert (needs["release"], needs["api-page"]) == ({"format"}, {"release"})
    assert [task.spec.key for task in plan.tasks if task.spec.gate == "manual"] == ["release"]


def test_every_script_is_one_of_a_task_of_the_plan() -> None:
    plan = yaml.safe_load((SAMPLE / "plan.yaml").read_text())
    scripted = {task["key"] for task in plan["tasks"] if task["agent"] == "scripted"}
    assert set(read_scripts(SAMPLE / "scripts")) == scripted


# --- the codemods --------------------------------------------------------------------------


def test_a_function_is_renamed_where_it_stands_as_a_name(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(PRINTED)
    rename = CODEMODS / "rename_function.py"
    done = run(sys.executable, rename, "calc_cost", "price", ".", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (
        0,
        "a.py: 4\ncalc_cost is price now, in 4 places\n",
    )
    assert (tmp_path / "a.py").read_text() == (
        PRINTED.replace("import calc_cost", "import price")
        .replace("def calc_cost", "def price")
        .replace("prices.calc_cost", "prices.price")
        .replace("+ calc_cost(", "+ price(")
    )
    assert run(sys.executable, rename, "calc_cost", "price", ".", cwd=tmp_path).returncode == 3


def test_a_program_that_does_not_parse_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("def old(:\n")
    rename = CODEMODS / "rename_function.py"
    assert run(sys.executable, rename, "old", "new", ".", cwd=tmp_path).returncode == 1
    assert (tmp_path / "a.py").read_text() == "def old(:\n"


def test_percent_formats_become_f_strings_where_both_mean_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(OLD_FORMATS)
    codemod = CODEMODS / "percent_to_fstring.py"
    assert run(sys.executable, codemod, "a.py", cwd=tmp_path).stdout == "a.py: 3 f-strings\n"
    assert (tmp_path / "a.py").read_text() == NEW_FORMATS


@pytest.mark.parametrize("name", ["a", "b", "c"])
def test_f_strings_say_what_the_formats_said(name: str) -> None:
    values = """
one, n, s, t, h, x, r = 1, 7, "s", "t", 254, 2, ["\\n"]
class two: three = 3
def f(x): return x / 3
"""
    said = {
        run(sys.executable, "-c", f"{values}\n{line}\nprint({name})", cwd=ROOT).stdout
        for text in (OLD_FORMATS, NEW_FORMATS)
        for line in text.splitlines()
        if line.startswith(f"{name} = ")
    }
    assert len(said) == 1
    assert said != {""}


def test_the_page_lists_what_is_public_and_is_the_same_each_time(sample: Path) -> None:
    index = CODEMODS / "api_index.py"
    pages: list[str] = []
    for _ in range(2):
        assert run(sys.executable, index, "parcels", "docs/api.md", cwd=sample).returncode == 0
        pages.append((sample / "docs" / "api.md").read_text())
    assert pages[0] == pages[1]
    assert "## parcels.prices\n\n- `tier_price(weight_g)`: Return the price" in pages[0]


# --- the demo ------------------------------------------------------------------------------


def test_the_demo_takes_no_folder_that_exists(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    done = run(sys.executable, EXAMPLES / "demo.py", "mine", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == "demo: mine exists already; name a folder that does not.\n"
