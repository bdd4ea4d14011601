"""`banksman plan` checks, shows and draws without running anything."""

from __future__ import annotations

import pytest

from tests.cli.shell import Shell

PLAN = """\
version: 1
tasks:
  - key: parser
    title: Read dates "with" a \\ zone
  - key: end
    title: Describe it
    needs: [parser]
    priority: 8
    estimate: 90m
  - key: release
    title: Release
    needs: [parser, end]
"""


@pytest.fixture
def planned(shell: Shell) -> Shell:
    (shell.folder / "plan.yaml").write_text(PLAN)
    return shell


def test_lint_counts_the_tasks_of_a_good_plan(planned: Shell) -> None:
    said = planned.banksman("plan", "lint")
    assert (said.code, said.out) == (0, "plan.yaml: 3 tasks, no problems.\n")


def test_lint_tells_each_problem_with_its_line(planned: Shell) -> None:
    (planned.folder / "plan.yaml").write_text(PLAN.replace("[parser, end]", "[parsr, end]"))
    said = planned.banksman("plan", "lint")
    assert (said.code, said.out) == (2, "")
    assert "plan.yaml:12" in said.err
    assert 'did you mean "parser"?' in said.err


def test_lint_as_json_has_the_problems_and_the_exit_code(planned: Shell) -> None:
    good = planned.banksman("plan", "lint", "--json")
    assert good.code == 0
    assert good.json == {"plan": "plan.yaml", "tasks": 3, "problems": []}
    (planned.folder / "plan.yaml").write_text(PLAN.replace("version: 1", "version: 2"))
    bad = planned.banksman("plan", "lint", "--json")
    assert bad.code == 2
    assert bad.json["tasks"] == 0
    assert len(bad.json["problems"]) == 1


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (
            '[agents.a]\ntype = "command"',
            "agent 'a': the settings of an agent of type 'command'",
        ),
        ('[agents.a]\ntype = "comand"', "there is no agent plug-in 'comand'"),
        ('[checks.a]\ntype = "tests"\ncommand = ["true"]', "{junit}"),
    ],
)
def test_lint_has_the_plug_ins_read_their_settings_too(
    planned: Shell, table: str, told: str
) -> None:
    (planned.folder / "banksman.toml").write_text(f"{table}\n")
    said = planned.banksman("plan", "lint")
    assert (said.code, said.out) == (2, "")
    assert told in said.err
    answer = planned.banksman("plan", "lint", "--json")
    assert answer.code == 2
    (problem,) = answer.json["problems"]
    assert told in problem


def test_without_a_plan_one_sentence_names_init(shell: Shell) -> None:
    said = shell.banksman("plan", "lint")
    assert said.code == 2
    assert "plan.yaml: there is no such file; write one with `banksman init`" in said.err


def test_another_plan_can_be_named_from_the_folder_that_is_named(planned: Shell) -> None:
    (planned.folder / "plan.yaml").rename(planned.folder / "other.yaml")
    said = planned.banksman(
        "-C", "demo", "plan", "show", "other.yaml", cwd=planned.folder.parent
    )
    assert said.code == 0
    assert said.rows[1] == ["end", "8", "90", "feature", "parser", "", "Describe it"]


def test_show_tells_what_each_task_may_spend(planned: Shell) -> None:
    plan = (planned.folder / "plan.yaml").read_text()
    limited = plan.replace("    estimate: 90m\n", "    limits: {cost: 2.50, turns: 8}\n")
    (planned.folder / "plan.yaml").write_text(limited)
    (planned.folder / "banksman.toml").write_text(
        '[limits]\ntask = {turns = 3, minutes = "1h30m", tokens = 1000000}\n'
    )
    first, second, _ = planned.banksman("plan", "show").rows
    assert first[5] == "3 turns, 90 minutes, 1,000,000 tokens"
    assert second[5] == "8 turns, 90 minutes, 1,000,000 tokens, $2.50"


def test_graph_shows_levels(planned: Shell) -> None:
    said = planned.banksman("plan", "graph")
    assert said.rows == [
        ["1", "parser", ""],
        ["2", "end", "← parser"],
        ["3", "release", "← parser, end"],
    ]
    as_json = planned.banksman("plan", "graph", "--json").json
    assert as_json["levels"] == [["parser"], ["end"], ["release"]]
    assert as_json["edges"]["release"] == ["parser", "end"]


def test_graph_speaks_dot(planned: Shell) -> None:
    said = planned.banksman("plan", "graph", "--dot")
    assert '"parser" [label="parser: Read dates \\"with\\" a \\\\ zone"];' in said.out
    assert '"parser" -> "end";' in said.out


def test_graph_speaks_mermaid(planned: Shell) -> None:
    said = planned.banksman("plan", "graph", "--mermaid")
    assert 't1["parser: Read dates #34;with#34; a \\ zone"]' in said.out
    assert "t1 --> t2" in said.out
