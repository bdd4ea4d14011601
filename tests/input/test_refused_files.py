"""What is no regular, readable, bounded file gets one sentence at once."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from banksman.config.json_lines import json_lines
from banksman.config.plan import YAML_BYTES_MAX, load_plan
from banksman.config.problems import PROBLEMS_MAX, Problems
from banksman.config.settings import Flags, load_settings
from banksman.exceptions import PlanException

GOOD = "version: 1\ntasks:\n  - {key: a, title: A}\n"


def told(path: Path, shown: str = "plan.yaml") -> tuple[str, ...]:
    with pytest.raises(PlanException) as caught:
        load_plan(path, shown=shown)
    return caught.value.problems


@pytest.fixture
def bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    # Names of sockets are short: it is bound from within its folder.
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as endpoint:
        endpoint.bind("plan.yaml")
        yield tmp_path / "plan.yaml"


def test_a_missing_plan_is_told_with_the_way_out(tmp_path: Path) -> None:
    assert told(tmp_path / "plan.yaml") == (
        (
            "plan.yaml: there is no such file; write one with `banksman init`, "
            "or name another file."
        ),
    )


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert told(tmp_path) == ("plan.yaml: is a folder; name a regular file.",)


@pytest.mark.parametrize("name", ["plan.yaml", "plan.jsonl"])
def test_a_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    assert told(tmp_path / name, name) == (f"{name}: is a pipe; name a regular file.",)


def test_a_device_is_refused() -> None:
    assert told(Path("/dev/zero")) == ("plan.yaml: is a device; name a regular file.",)


def test_a_socket_is_refused(bound: Path) -> None:
    assert told(bound) == ("plan.yaml: is a socket; name a regular file.",)


def test_a_link_is_refused_even_to_a_good_plan(tmp_path: Path) -> None:
    (tmp_path / "real.yaml").write_text(GOOD)
    (tmp_path / "plan.yaml").symlink_to("real.yaml")
    assert told(tmp_path / "plan.yaml") == (
        "plan.yaml: is a symbolic link; name the file that it points to.",
    )


def test_a_configuration_that_links_nowhere_is_not_taken_for_none(tmp_path: Path) -> None:
    (tmp_path / "banksman.toml").symlink_to("nowhere")
    with pytest.raises(PlanException, match="is a symbolic link"):
        load_settings(tmp_path, Flags(), {"HOME": "/nobody"})


def test_a_file_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    message = "plan.yaml: cannot be opened (Not a directory)."
    assert told(tmp_path / "file" / "plan.yaml") == (message,)


def test_a_name_that_no_file_can_have_is_refused() -> None:
    assert told(Path("a\0b")) == ("plan.yaml: is no name that a file can have.",)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_plan_is_told(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").touch(mode=0)
    assert told(tmp_path / "plan.yaml") == (
        "plan.yaml: may not be read; give yourself the right to read it.",
    )


def test_a_plan_larger_than_the_limit_is_refused_by_its_size(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    with path.open("wb") as file:
        file.truncate(YAML_BYTES_MAX + 1)
    assert told(path) == ("plan.yaml: is larger than 32 MiB, which is the limit.",)


def test_no_more_problems_are_told_than_a_person_reads(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text("version: 1\ntasks:\n" + "  - {key: A, title: A}\n" * 1000)
    problems = told(path)
    assert len(problems) == PROBLEMS_MAX + 1
    assert problems[-1] == "plan.yaml: there are more problems; these are the first 50."


def test_the_name_of_the_file_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[2Jb.yaml"
    path.write_text("")
    (problem,) = told(path, "a\x1b[2Jb.yaml")
    assert problem.startswith(r"a\x1b[2Jb.yaml: the file must hold")


def test_a_byte_order_mark_and_windows_line_ends_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert [task.spec.key for task in load_plan(path).tasks] == ["a"]


def test_a_list_of_tasks_longer_than_the_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plan.jsonl"
    path.write_text("".join(f'{{"key":"t{n}","title":"T"}}\n' for n in range(100_001)))
    assert told(path, "plan.jsonl") == (
        "plan.jsonl:100001: the plan has more than 100,000 tasks, which is the limit.",
    )


def test_lines_longer_than_the_limit_in_sum_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "plan.jsonl"
    path.write_text('{"key": "a", "title": "A"}\n' + "\n" * (1 << 20))
    problems = Problems("plan.jsonl")
    with pytest.raises(PlanException, match="the file is larger than 1 MiB"):
        list(json_lines(path, problems, missing="", bytes_max=1 << 20))


TOO_MUCH = {
    "items of a list": (
        "x: [" + "1," * 100_001 + "]",
        "plan.yaml:1:200005: more than 100,000 items stand in one list.",
    ),
    "keys in one place": (
        "x: {" + ", ".join(f"k{number}: 1" for number in range(10_000, 20_001)) + "}",
        "plan.yaml:1:110005: more than 10,000 keys stand in one place.",
    ),
    "needs": (
        "version: 1\ntasks:\n  - {key: a, title: A, needs: [" + "b," * 10_001 + "]}",
        'plan.yaml:3:24: task "a" (tasks[0]): needs has 10,001 items, and may have 10,000.',
    ),
}


@pytest.mark.parametrize("what", TOO_MUCH)
def test_more_than_the_limit_of_anything_is_refused(tmp_path: Path, what: str) -> None:
    text, message = TOO_MUCH[what]
    (tmp_path / "plan.yaml").write_text(text)
    assert told(tmp_path / "plan.yaml") == (message,)


def test_a_configuration_of_too_many_values_is_refused(tmp_path: Path) -> None:
    (tmp_path / "banksman.toml").write_text(f"x = [{'1,' * 100_001}]")
    with pytest.raises(PlanException) as caught:
        load_settings(tmp_path, Flags(), {"HOME": "/nobody"})
    message = "banksman.toml:1: holds more than 100,000 values, which is the limit."
    assert caught.value.problems == (message,)
