"""Scripts of recorded edits are read whole or refused with every problem and its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from banksman.agents.player import PLAYED
from banksman.agents.script import Step, read_scripts, steps_of
from banksman.exceptions import PlanException

SCRIPT = """\
- - - write: {path: src/a.py, text: "a\\n"}
    - replace: {path: src/a.py, old: a, new: b}
  - - ask: Which?
- - - exit: 1
"""


def problems_of(place: Path, text: str | bytes) -> tuple[str, ...]:
    """Return what is told of one script."""
    content = text.encode() if isinstance(text, str) else text
    (place / "key.yaml").write_bytes(content)
    with pytest.raises(PlanException) as caught:
        read_scripts(place)
    assert all(problem in caught.value.message for problem in caught.value.problems)
    return caught.value.problems


def test_steps_are_read_by_attempt_and_turn(tmp_path: Path) -> None:
    (tmp_path / "fix-it.yaml").write_text(SCRIPT)
    (tmp_path / "notes.txt").write_text("not a script")
    scripts = read_scripts(tmp_path)
    assert list(scripts) == ["fix-it"]

    def played(attempt: int, turn: int) -> list[dict[str, object]]:
        return [step.played for step in steps_of(scripts["fix-it"], attempt=attempt, turn=turn)]

    assert played(1, 1) == [
        {"write": {"path": "src/a.py", "text": "a\n"}},
        {"replace": {"path": "src/a.py", "old": "a", "new": "b", "count": 1}},
    ]
    assert played(1, 2) == played(1, 9) == [{"ask": "Which?"}]
    assert played(2, 1) == played(2, 2) == played(7, 1) == [{"exit": 1}]


def test_the_player_plays_every_step_there_is() -> None:
    assert set(PLAYED) == set(Step.model_fields)


ALL = "a step is one of: " + ", ".join(Step.model_fields)


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ("{}", ALL),
        ("{print: a, exit: 0}", ALL),
        ("{print: null}", ALL),
        ("{wriet: {path: a, text: b}}", "'wriet' is not known (did you mean 'write'?)"),
        (
            "{write: {path: a, text: b, txt: c}}",
            "'write.txt' is not known (did you mean 'text'?)",
        ),
        ("{write: {path: a}}", "'write.text' is missing"),
        ("{write: {path: /etc/x, text: b}}", "the path '/etc/x' leads out of the workspace"),
        ("{delete: ../x}", "the path '../x' leads out of the workspace"),
        ("{mkdir: a/../../x}", "the path 'a/../../x' leads out of the workspace"),
        ("{delete: ''}", "the path '' leads out of the workspace"),
        ("{delete: '.'}", "the path '.' leads out of the workspace"),
        ("{rename: {path: a, new: ../b}}", "the path '../b' leads out of the workspace"),
        ("{append: {path: .git/config, text: x}}", "the path '.git/config' is git's own"),
        ("{delete: a/.GIT}", "the path 'a/.GIT' is git's own"),
        (
            "{replace: {path: a, old: '', new: b}}",
            "'replace.old': string should have at least 1 character",
        ),
        (
            "{replace: {path: a, old: x, new: b, count: 0}}",
            "'replace.count': input should be greater than or equal to 1",
        ),
        ("{sleep_s: -1}", "'sleep_s': input should be greater than 0"),
        ("{sleep_s: .nan}", "'sleep_s': input should be a finite number"),
        ("{exit: 256}", "'exit': input should be less than or equal to 255"),
        ("{exit: two}", "'exit': input should be a valid integer"),
        ("{print: 1}", "'print': input should be a valid string"),
        ("{ask: ''}", "'ask': string should have at least 1 character"),
        ("{hang: false}", "'hang': input should be True"),
        ("hang", "input should be a valid dictionary or instance of Step"),
    ],
)
def test_a_step_that_cannot_be_played_is_refused_with_its_place(
    tmp_path: Path, step: str, told: str
) -> None:
    script = f"- - - print: a\n- - - print: b\n  - - print: c\n    - {step}\n"
    assert problems_of(tmp_path, script) == (f"key.yaml: attempt 2, turn 2, step 2: {told}",)


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("", "key.yaml: input should be a valid tuple"),
        ("a: b", "key.yaml: input should be a valid tuple"),
        ("[]", "key.yaml: it is empty"),
        ("[[]]", "key.yaml: attempt 1: it is empty"),
        ("[[[]]]", "key.yaml: attempt 1, turn 1: it is empty"),
        ("- print: a", "key.yaml: attempt 1: input should be a valid tuple"),
        ("[[", "key.yaml: while parsing"),
        ("!!python/object:os.system {}", "key.yaml: could not determine a constructor"),
        (b"\xff\xfe\xff", "key.yaml: "),
        ("[" * 5000, "key.yaml: "),
        (b"#" * (5 << 20), "key.yaml: longer than 4194304 bytes"),
    ],
)
def test_a_file_that_is_no_script_is_refused(
    tmp_path: Path, script: str | bytes, told: str
) -> None:
    (problem,) = problems_of(tmp_path, script)
    assert problem.startswith(told)


def test_all_problems_of_all_scripts_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("- - - delete: /a\n    - delete: /b\n")
    assert problems_of(tmp_path, "- - - mkdir: ../c") == (
        "a.yaml: attempt 1, turn 1, step 1: the path '/a' leads out of the workspace",
        "a.yaml: attempt 1, turn 1, step 2: the path '/b' leads out of the workspace",
        "key.yaml: attempt 1, turn 1, step 1: the path '../c' leads out of the workspace",
    )


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlanException, match=r"there is no folder of scripts .*/none"):
        read_scripts(tmp_path / "none")
