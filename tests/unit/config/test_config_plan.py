"""How plans are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from banksman.config.plan import load_plan
from banksman.exceptions import PlanException

HEAD = "version: 1\ntasks:\n"


def problems(folder: Path, text: str, **names: set[str]) -> tuple[str, ...]:
    (folder / "plan.yaml").write_text(text)
    with pytest.raises(PlanException) as caught:
        load_plan(folder / "plan.yaml", shown="plan.yaml", **names)
    return caught.value.problems


def test_tasks_keep_the_order_of_the_file_and_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(
        f"{HEAD}  - key: b\n    title: B\n    needs: [a]\n\n  - {{key: a, title: A}}\n"
    )
    assert [(task.spec.key, task.line) for task in load_plan(path).tasks] == [
        ("b", 3),
        ("a", 7),
    ]


def test_what_is_left_out_has_the_defaults_of_the_engine(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(f"{HEAD}  - {{key: a, title: A}}\n")
    (task,) = load_plan(path).tasks
    spec = task.spec
    assert (spec.priority, spec.retries_max, spec.turns_max, spec.estimate_min) == (5, 3, 3, 1)
    assert (spec.agent, spec.checks, spec.deadline) == ("", (), None)


def test_line_ends_of_any_kind_become_line_feeds(tmp_path: Path) -> None:
    path = tmp_path / "plan.jsonl"
    path.write_text('{"key": "a", "title": "A", "instructions": "x\\r\\ny\\rz\\n"}')
    assert load_plan(path).tasks[0].spec.instructions == "x\ny\nz\n"


def test_a_name_without_a_configuration_is_any_name(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(f"{HEAD}  - {{key: a, title: A, agent: x, checks: [y]}}\n")
    assert load_plan(path).tasks[0].spec.agent == "x"


def test_unknown_agents_and_checks_are_told_with_the_nearest(tmp_path: Path) -> None:
    text = f"{HEAD}  - {{key: a, title: A, agent: claud, checks: [tests, lint]}}\n"
    assert problems(tmp_path, text, agents={"claude"}, checks={"tests"}) == (
        (
            'plan.yaml:3:24: task "a" (tasks[0]): there is no agent "claud" in the '
            'configuration; did you mean "claude"?'
        ),
        (
            'plan.yaml:3:54: task "a" (tasks[0]): there is no check "lint" in the '
            "configuration; add [checks.lint] there."
        ),
    )


def test_problems_within_tasks_and_between_them_are_told_together(tmp_path: Path) -> None:
    text = (
        f"{HEAD}  - {{key: a, title: A, needs: [zzz]}}\n"
        "  - {key: b, title: B, priority: 0}\n"
        "  - {key: c, title: C, needs: [b]}\n"
    )
    assert problems(tmp_path, text) == (
        'plan.yaml:3:32: task "a" (tasks[0]): needs "zzz", and there is no such task.',
        'plan.yaml:4:24: task "b" (tasks[1]): priority must be 1 to 10, not 0.',
    )


def test_each_circle_is_told_once(tmp_path: Path) -> None:
    pairs = {"a": "b", "b": "a", "c": "d", "d": "e", "e": "d"}
    text = HEAD + "".join(
        f"  - {{key: {k}, title: T, needs: [{n}]}}\n" for k, n in pairs.items()
    )
    assert problems(tmp_path, text) == (
        (
            'plan.yaml:3:24: tasks need one another in a circle: "a" (line 3) needs "b" '
            '(line 4) needs "a"; take one need out.'
        ),
        (
            'plan.yaml:6:24: tasks need one another in a circle: "d" (line 6) needs "e" '
            '(line 7) needs "d"; take one need out.'
        ),
    )


def test_a_long_circle_is_cut(tmp_path: Path) -> None:
    count = 3000
    text = HEAD + "".join(
        f"  - {{key: t{n}, title: T, needs: [t{(n + 1) % count}]}}\n" for n in range(count)
    )
    (problem,) = problems(tmp_path, text)
    assert '"t11" (line 14) needs 2,988 more, the last of which needs "t0"' in problem


def test_a_long_chain_is_read(tmp_path: Path) -> None:
    path = tmp_path / "plan.jsonl"
    path.write_text(
        "".join(
            f'{{"key": "t{n}", "title": "T", "needs": ["t{n + 1}"]}}\n' for n in range(3000)
        )
        + '{"key": "t3000", "title": "T"}'
    )
    assert len(load_plan(path).tasks) == 3001
