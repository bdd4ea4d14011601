"""`banksman report`: what a run came to, in Markdown that obeys nobody."""

from __future__ import annotations

import json
import re

import pytest

from banksman.app.reporting import TOLD
from banksman.cli.markdown import code
from banksman.cli.phrases import PHRASES
from tests.cli.recorded import Recorded
from tests.cli.shell import Shell

EVIL = "\x1b[2J<img src=x> @everyone #1 [a](b) `x` | ![i](u)\n# head"
SETTINGS = """\
[run]
agent = "write"

[agents.write]
type = "command"
shell = 'echo "done = True" > "$BANKSMAN_TASK_KEY.py"'

[agents.fail]
type = "command"
shell = 'exit 9'
"""


def _plan(shell: Shell, *tasks: dict[str, object]) -> None:
    (shell.folder / "banksman.toml").write_text(SETTINGS)
    (shell.folder / "plan.yaml").write_text(json.dumps({"version": 1, "tasks": tasks}))


@pytest.fixture
def night(shell: Shell) -> Shell:
    """Return a project after a run: tasks that are done, failed, waiting, and behind that."""
    _plan(
        shell,
        {"key": "one", "title": "Write `one` | <b>@ada</b>"},
        {"key": "two", "title": "Fail", "agent": "fail", "retries": 0},
        {"key": "three", "title": "Gate", "gate": "manual"},
        {"key": "four", "title": "Wait", "needs": ["three"]},
    )
    assert shell.banksman("run", "--no-wait").code == 3
    return shell


def test_a_night_is_told_by_what_was_done_what_waits_what_failed_and_what_is_left(
    night: Shell,
) -> None:
    said = night.banksman("report")
    assert said.code == 0, said.err
    parts = dict(re.findall(r"^## (.+)\n\n((?:.+\n)+)", said.out, re.MULTILINE))
    commit = night.git("rev-parse", "banksman/target")[:10]
    assert f"| `{commit}` | 1 | `write` |" in parts["Done"]
    assert "``Write `one` \\| <b>@ada</b>``" in parts["Done"]
    assert "`syntax` pass" in parts["Done"]
    assert "- **three**, breakpoint 1 (manual): " in parts["Waits for you"]
    assert "Answer: `banksman resolve 1 accept|cancel`" in parts["Waits for you"]
    assert "- **two** `Fail` failed (unknown): " in parts["Failed or cancelled"]
    assert "`banksman task retry two`" in parts["Failed or cancelled"]
    assert "- **four** `Wait` pending" in parts["Left to do"]
    assert "| `write` | 1 |" in parts["Cost by agent"]
    assert "the run is over: waiting." in said.out
    assert "**1 done** since then; 1 waits for you, 1 failed or cancelled, 2 left." in said.out


def test_a_report_is_of_the_last_run_or_of_what_is_asked_for(night: Shell) -> None:
    assert night.banksman("resolve", "1", "accept").code == 0
    assert night.banksman("run", "--no-wait").code == 4
    last = night.banksman("report", "--json").json
    assert [task["key"] for task in last["done"]] == ["three", "four"]
    assert (last["end"], last["total"]["turns"]) == ("failed", 2)
    whole = night.banksman("report", "--since", "8h", "--json").json
    assert [task["key"] for task in whole["done"]] == ["one", "three", "four"]
    assert whole["total"]["turns"] == 4
    nothing = night.banksman("report", "--since", "2999-01-01", "--json").json
    assert (nothing["done"], nothing["total"]["turns"]) == ([], 0)


@pytest.mark.parametrize("when", ["yesterday", "8", "", "-3h", "9" * 30 + "h"])
def test_a_time_that_is_none_is_refused_with_those_that_are(
    recorded: Recorded, when: str
) -> None:
    said = recorded.repo.banksman("report", "--since", when)
    assert (said.code, said.out) == (2, "")
    assert 'must be a span such as "8h", a time, or "last run"' in said.err


def test_before_the_first_run_a_report_names_it(shell: Shell) -> None:
    said = shell.banksman("report")
    assert said.code == 2
    assert "Start with `banksman run`." in said.err


def test_a_report_without_a_run_is_of_all_that_happened(recorded: Recorded) -> None:
    recorded.stop(recorded.tasks[0], EVIL)
    said = recorded.repo.banksman("report")
    assert "\x1b" not in said.out
    (line,) = (line for line in said.out.splitlines() if line.startswith("- **first**, "))
    assert line.endswith("(manual): ``<img src=x> @everyone #1 [a](b) `x` | ![i](u) # head``")
    assert "no engine runs" in said.out


def test_all_that_a_report_tells_has_a_phrase() -> None:
    assert set(PHRASES) >= TOLD


def test_a_report_tells_that_there_was_no_sandbox_and_then_one_again(
    recorded: Recorded,
) -> None:
    for kind in TOLD:
        recorded.note(kind, recorded.project)
    said = recorded.repo.banksman("report")
    assert said.code == 0, said.err
    assert said.out.count("NO SANDBOX from here on\n") == 1
    assert said.out.count("in the sandbox again\n") == 1


@pytest.mark.parametrize("text", ["``", "`a", "a`` b `", EVIL, "x" * 10_000, " \n\t "])
def test_no_text_ends_the_code_span_that_it_stands_in(text: str) -> None:
    shown = code(text)
    if not text.strip():
        assert shown == ""
        return
    match = re.fullmatch(r"(`+)(.*)\1", shown)
    assert match is not None
    runs = re.findall("`+", match[2])
    assert match[1] not in runs
    assert len(shown) < 400
