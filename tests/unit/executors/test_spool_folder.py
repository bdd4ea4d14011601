"""What a spool folder keeps, and what it says when something is missing."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banksman.executors.endings import kept_output, last_output, read_end
from banksman.executors.runner import hold
from banksman.executors.spool import Output, Spool

DROPPED = re.compile(rb"\n\[\S+ (\d+) bytes dropped \S+\]\n")


def printed(folder: Spool, chunks: list[bytes], size_bytes_max: int) -> bytes:
    """Spool the chunks; return all of them together."""
    output = Output(folder, size_bytes_max)
    for chunk in chunks:
        output.write(chunk)
    output.close()
    return b"".join(chunks)


@given(
    sizes=st.lists(st.integers(min_value=0, max_value=1500), max_size=12),
    limit=st.integers(min_value=64, max_value=2000),
)
def test_output_keeps_head_and_tail_within_the_bound_and_counts_the_rest(
    sizes: list[int], limit: int
) -> None:
    chunks = [bytes([65 + n]) * size for n, size in enumerate(sizes)]
    with tempfile.TemporaryDirectory() as place:
        folder = Spool(place)
        whole = printed(folder, chunks, limit)
        kept, truncated = kept_output(folder, printed_bytes=len(whole))
        last = last_output(folder, 50)
        folder.close()
    if not truncated:
        assert kept == whole
    else:
        head, dropped, tail = DROPPED.split(kept)
        assert len(whole) > len(head) + len(tail)
        assert len(head) + len(tail) <= limit
        assert head == whole[: limit // 2]
        assert whole.endswith(tail)
        assert len(tail) >= limit // 5
        assert len(head) + int(dropped) + len(tail) == len(whole)
        assert last == tail[-50:] or len(tail) < 50


def test_output_up_to_three_quarters_of_the_bound_is_whole(tmp_path: Path) -> None:
    folder = Spool(str(tmp_path))
    whole = printed(folder, [b"x" * 700], 1000)
    assert kept_output(folder) == (whole, False)
    folder.close()


def test_no_more_than_the_bound_is_on_the_disk_at_any_time(tmp_path: Path) -> None:
    folder = Spool(str(tmp_path))
    output = Output(folder, 1000)
    for _ in range(200):
        output.write(b"x" * 77)
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 1000
    output.close()
    folder.close()


def test_a_disk_that_is_full_costs_output_and_says_how_much(tmp_path: Path) -> None:
    # A limit on the size of files stands for the disk: `write` fails in the same way.
    text = """
import resource, sys
from banksman.executors.spool import Output, Spool
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
output = Output(Spool(sys.argv[1]), 100_000)
output.write(b"a" * 3000)
output.write(b"b" * 3000)
output.close()
"""
    command = [sys.executable, "-c", text, str(tmp_path)]
    subprocess.run(command, check=True, env={"PYTHONPATH": os.pathsep.join(sys.path)})
    folder = Spool(str(tmp_path))
    kept, truncated = kept_output(folder, printed_bytes=6000)
    folder.close()
    assert truncated
    assert kept.startswith(b"a" * 1000 + b"\n")
    assert b" 5000 bytes dropped " in kept


def test_facts_are_written_whole_and_private(tmp_path: Path) -> None:
    folder = Spool(str(tmp_path))
    folder.reserve("facts")
    folder.write("facts", {"a": "\udcff", "b": 1})
    assert folder.facts("facts") == {"a": "\udcff", "b": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["facts"]
    assert stat.S_IMODE((tmp_path / "facts").stat().st_mode) == 0o600
    folder.close()


@pytest.mark.parametrize("damaged", ["", "{", "[1]", '"x"', "1", "\x00", "[" * 100_000])
def test_a_damaged_result_is_a_loss(tmp_path: Path, damaged: str) -> None:
    (tmp_path / "result.json").write_text(damaged)
    folder = Spool(str(tmp_path))
    assert read_end(folder).how == "lost"
    folder.close()


def test_a_result_is_believed_no_further_than_its_types(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text('{"how": ["exited"], "code": "0", "why": 1}')
    folder = Spool(str(tmp_path))
    end = read_end(folder)
    assert (end.how, end.code, end.why, end.duration_ms) == ("lost", None, "", 0)
    folder.close()


@pytest.mark.parametrize(
    ("stated", "code", "duration_ms"),
    [("-5", -5, 0), (f"{1 << 70}", 255, 1 << 53), (f"-{1 << 70}", -64, 0), ("true", None, 0)],
)
def test_numbers_of_a_result_are_believed_within_their_range(
    tmp_path: Path, stated: str, code: int | None, duration_ms: int
) -> None:
    text = f'{{"how": "?", "code": {stated}, "duration_ms": {stated}, "printed_bytes": -1}}'
    (tmp_path / "result.json").write_text(text)
    folder = Spool(str(tmp_path))
    end = read_end(folder)
    assert (end.how, end.code, end.duration_ms) == ("lost", code, duration_ms)
    folder.close()


def test_the_reason_of_a_result_is_text_of_a_length_that_a_store_takes(tmp_path: Path) -> None:
    text = '{"how": "stopped", "why": "\\ud800' + "x" * 10_000 + '"}'
    (tmp_path / "result.json").write_text(text)
    folder = Spool(str(tmp_path))
    assert read_end(folder).why == "?" + "x" * 4095
    folder.close()


def test_what_is_no_file_in_a_spool_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "result.json")
    (tmp_path / "output.0").symlink_to(Path("/dev/zero"))
    (tmp_path / "output.5").mkdir()
    folder = Spool(str(tmp_path))
    end = read_end(folder)
    assert (end.how, end.truncated) == ("lost", True)
    folder.close()


def test_a_lock_is_held_by_one_until_it_is_closed(tmp_path: Path) -> None:
    first, second = Spool(str(tmp_path)), Spool(str(tmp_path))
    assert first.lock()
    assert first.lock()
    assert not second.lock()
    first.close()
    assert second.lock()
    second.close()


@pytest.mark.parametrize("name", ["runner.json", "result.json"])
def test_a_spool_that_had_its_runner_is_not_held_again(tmp_path: Path, name: str) -> None:
    folder = Spool(str(tmp_path))
    folder.write(name, {})
    assert not hold(folder)
    folder.close()


def test_a_spool_that_another_runner_holds_is_not_held(tmp_path: Path) -> None:
    first, second = Spool(str(tmp_path)), Spool(str(tmp_path))
    assert hold(first)
    first.write("runner.json", {})
    assert not hold(second)
    first.close()
    second.close()


def test_a_folder_that_was_removed_cannot_be_held(tmp_path: Path) -> None:
    place = tmp_path / "spool"
    place.mkdir()
    folder = Spool(str(place))
    place.rmdir()
    with pytest.raises(FileNotFoundError):
        hold(folder)
    folder.close()


def test_a_nameless_file_has_its_content_and_no_name(tmp_path: Path) -> None:
    folder = Spool(str(tmp_path))
    fd = folder.nameless(b"secret")
    assert os.read(fd, 100) == b"secret"
    assert not list(tmp_path.iterdir())
    os.close(fd)
    folder.close()
