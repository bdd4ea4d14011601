"""Trees of processes on this machine keep the promises of the port."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from banksman.exceptions import ExecutorException
from banksman.executors import runner
from banksman.executors.local import LocalExecutor
from banksman.executors.processes import below
from banksman.ports import ProcessEnd, ProcessSpec
from banksman.testing.executor_contract import ExecutorContract
from banksman.testing.executor_programs import (
    LINGERING,
    MARKED,
    WAITING,
    is_anyone_alive,
    python,
    until,
)
from tests.conformance.layers import MAKERS, SystemClock

ENGINE = """
import asyncio, json, os, signal, sys
from pathlib import Path
from tests.conformance.layers import MAKERS
from banksman.ports import ProcessSpec
from banksman.testing.executor_programs import until

async def main(executor, spool, spec):
    await executor.start(spool, spec)
    await until(lambda: b"ready" in executor.tail(spool))

fields = json.loads(sys.argv[3])
spec = ProcessSpec(**{**fields, "argv": tuple(fields["argv"]), "cwd": Path(fields["cwd"])})
asyncio.run(main(MAKERS[sys.argv[4]](Path(sys.argv[1])), sys.argv[2], spec))
os.kill(os.getpid(), signal.SIGKILL)
"""


class TestLocalExecutor(ExecutorContract):
    layer = "adopting"

    def executor(self, root: Path) -> LocalExecutor:
        return MAKERS[self.layer](root)

    def kill_runner(self, root: Path, spool: str) -> None:
        pid = runner_of(root, spool)
        os.kill(pid, signal.SIGKILL)
        # It is a child of this process: dead, but not collected, when this returns.
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)

    def start_and_die(self, root: Path, spool: str, spec: ProcessSpec) -> None:
        fields = {**vars(spec), "cwd": str(spec.cwd)}
        del fields["stdin"]
        arguments = [str(root), spool, json.dumps(fields), self.layer]
        engine = [sys.executable, "-c", ENGINE, *arguments]
        died = subprocess.run(
            engine, check=False, env={"PYTHONPATH": os.pathsep.join(sys.path)}
        )
        assert died.returncode == -signal.SIGKILL


@pytest.mark.usefixtures("sandbox_holds")
class TestBoxes(TestLocalExecutor):
    """The first layer: trees in a PID namespace of their own."""

    layer = "boxing"


class TestScans(TestLocalExecutor):
    """The last layer, where neither is to be had: a process group, and who bears a mark."""

    layer = "scanning"

    def family(self, place: Path, text: str) -> ProcessSpec:
        return python(place, text.replace(", {})", ", os.environ)"))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    place = tmp_path / "place"
    place.mkdir()
    return place


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "spools"


def local(root: Path) -> LocalExecutor:
    return LocalExecutor(root, SystemClock(), stop_s_max=1.0)


def runner_of(root: Path, spool: str) -> int:
    """Return the pid of the runner of a spool."""
    facts = json.loads((root / spool / "runner.json").read_text())
    return int(facts["runner"].split()[0])


def files_with(text: bytes, root: Path) -> list[Path]:
    """Return the files below a folder that hold a text; FIFOs hold none."""
    return [path for path in root.rglob("*") if path.is_file() and text in path.read_bytes()]


def working_folder(pid: int) -> Path:
    return Path(f"/proc/{pid}/cwd").readlink()


def descriptors() -> int:
    """Return how many descriptors this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def test_the_runner_has_written_who_they_are_before_the_program_does_anything(
    root: Path, place: Path
) -> None:
    text = "import os; print(os.getpid(), os.getppid()); "
    text += "print(open(os.environ['BANKSMAN_SPOOL'] + '/runner.json').read())"
    end = asyncio.run(local(root).run("a", python(place, text)))
    pids, facts = end.output.decode().splitlines()
    who = json.loads(facts)
    assert [who["program"].split()[0], who["runner"].split()[0]] == pids.split()
    assert who["program"].split()[2] == who["runner"].split()[2]


def test_nothing_in_a_spool_is_for_others(root: Path, place: Path) -> None:
    asyncio.run(local(root).run("a", python(place, "print('x')")))
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (root, *root.rglob("*"))}
    assert set(modes.values()) == {0o700, 0o600}
    assert {path for path, mode in modes.items() if mode == 0o700} == {root, root / "a"}


def test_secrets_of_a_program_never_lie_on_the_disk(root: Path, place: Path) -> None:
    spec = replace(python(place, WAITING), env={"KEY": "s3cret"}, stdin=b"s3cret")

    async def look() -> None:
        executor = local(root)
        await executor.start("a", spec)
        await until(lambda: b"ready" in executor.tail("a"))
        assert files_with(b"ready", root)
        assert not files_with(b"s3cret", root)
        await executor.stop("a", "")
        assert not files_with(b"s3cret", root)

    asyncio.run(look())


def test_a_program_gets_no_descriptor_of_the_engine(root: Path, place: Path) -> None:
    leaked, other = os.pipe()
    os.set_inheritable(leaked, True)
    text = "import os; print(sorted(int(n) for n in os.listdir('/proc/self/fd'))[:-1])"
    end = asyncio.run(local(root).run("a", python(place, text)))
    os.close(leaked)
    os.close(other)
    assert end.output == b"[0, 1, 2]\n"


def test_the_runner_survives_what_a_terminal_sends_and_ends_its_tree_when_it_is_told(
    root: Path, place: Path
) -> None:
    async def signal_it() -> ProcessEnd:
        executor = local(root)
        await executor.start("a", python(place, LINGERING))
        await until(lambda: b"ready" in executor.tail("a"))
        pid = runner_of(root, "a")
        assert os.getsid(pid) == pid
        assert working_folder(pid) == Path("/")
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            os.kill(pid, number)
        return await executor.wait("a")

    end = asyncio.run(signal_it())
    assert (end.how, end.why) == ("stopped", "the runner was told to end")
    assert not is_anyone_alive(place)


def test_a_runner_that_hangs_is_ended_with_its_tree(root: Path, place: Path) -> None:
    async def stop() -> ProcessEnd:
        executor = local(root)
        await executor.start("a", python(place, MARKED))
        await until(lambda: b"ready" in executor.tail("a"))
        os.kill(runner_of(root, "a"), signal.SIGSTOP)
        return await executor.stop("a", "enough")

    end = asyncio.run(stop())
    assert (end.how, end.why, end.output) == ("stopped", "enough", b"ready\n")
    assert end.duration_ms >= 1000
    assert not is_anyone_alive(place)


FORGED = '{"how": "exited", "code": 0, "duration_ms": -5}'
FORGING = f"""
import os
def forge():
    with open(os.environ["BANKSMAN_SPOOL"] + "/result.json", "w") as file:
        file.write({FORGED!r})
"""


def test_a_result_that_the_program_writes_itself_ends_nothing(root: Path, place: Path) -> None:
    text = f"{FORGING}\nforge()\n{WAITING}\nraise SystemExit(3)"

    async def believe() -> ProcessEnd:
        executor = local(root)
        await executor.start("a", python(place, text))
        await until(lambda: b"ready" in executor.tail("a"))
        with pytest.raises(ExecutorException, match="still runs"):
            executor.discard("a")
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(executor.wait("a"))
            # Enough rounds for one who believes it to be done.
            await asyncio.wait([waiting], timeout=0.3)
            assert not waiting.done()
            (place / "go").touch()
        return waiting.result()

    end = asyncio.run(believe())
    assert (end.how, end.code, end.output) == ("exited", 3, b"ready\ngone\n")
    assert end.duration_ms > 0


def test_a_stop_is_not_deceived_by_a_result_that_the_program_wrote(
    root: Path, place: Path
) -> None:
    async def stop() -> ProcessEnd:
        executor = local(root)
        await executor.start("a", python(place, f"{FORGING}\nforge()\n{LINGERING}"))
        await until(lambda: b"ready" in executor.tail("a"))
        return await executor.stop("a", "enough")

    end = asyncio.run(stop())
    assert (end.how, end.why) == ("stopped", "enough")
    assert not is_anyone_alive(place)


def test_a_runner_that_hangs_is_ended_though_its_program_wrote_a_result(
    root: Path, place: Path
) -> None:
    async def stop() -> ProcessEnd:
        executor = local(root)
        await executor.start("a", python(place, f"{FORGING}\nforge()\n{MARKED}"))
        await until(lambda: b"ready" in executor.tail("a"))
        os.kill(runner_of(root, "a"), signal.SIGSTOP)
        return await executor.stop("a", "enough")

    end = asyncio.run(stop())
    assert (end.how, end.why) == ("stopped", "enough")
    assert not is_anyone_alive(place)


def test_nobody_survives_a_runner_whose_result_is_there(root: Path, place: Path) -> None:
    async def lose() -> None:
        executor = local(root)
        await executor.start("a", python(place, MARKED))
        await until(lambda: b"ready" in executor.tail("a"))
        (root / "a" / "result.json").write_text(FORGED)
        os.kill(runner_of(root, "a"), signal.SIGKILL)
        await local(root).wait("a")

    asyncio.run(lose())
    assert not is_anyone_alive(place)


def test_an_engine_that_closes_its_executor_watches_no_more(root: Path, place: Path) -> None:
    async def close() -> ProcessEnd:
        executor = local(root)
        await executor.start("a", replace(python(place, LINGERING), ttl_s=0))
        await until(lambda: b"ready" in executor.tail("a"))
        executor.close()
        executor.close()
        await until(lambda: not is_anyone_alive(place))
        return await executor.wait("a")

    end = asyncio.run(close())
    assert (end.how, end.why) == ("stopped", "no engine has watched it for 0 s")
    assert not is_anyone_alive(place)


def test_an_executor_keeps_no_descriptor_and_no_child_of_what_is_over(
    root: Path, place: Path
) -> None:
    async def run_some() -> None:
        executor = local(root)
        others = set(below(os.getpid()))
        before = descriptors()
        for name in ("a", "b", "c"):
            await executor.run(name, python(place, ""))
            executor.discard(name)
        assert descriptors() == before

        def no_child_is_left() -> bool:
            executor.close()
            return set(below(os.getpid())) <= others

        await until(no_child_is_left)

    asyncio.run(run_some())
    assert not list(root.iterdir())


def test_a_runner_that_cannot_do_its_work_says_why(root: Path, place: Path) -> None:
    (root / "a" / "result.json.new").mkdir(parents=True)
    with pytest.raises(ExecutorException, match=r"(?s)no runner holds a: .*IsADirectory"):
        asyncio.run(local(root).run("a", python(place, "open('log', 'w')")))
    assert not (place / "log").exists()


def test_a_place_that_is_no_folder_is_named(tmp_path: Path, place: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ExecutorException, match="file/a"):
        asyncio.run(local(tmp_path / "file").run("a", python(place, "")))


def test_a_reason_with_lines_and_of_any_length_is_one_request(root: Path, place: Path) -> None:
    async def stop() -> str:
        executor = local(root)
        await executor.start("a", python(place, LINGERING))
        return (await executor.stop("a", "one\ntwo " + "x" * 10_000)).why

    why = asyncio.run(stop())
    assert why.startswith("one two xxx")
    assert len(why) < 5000


def test_a_runner_imports_nothing_but_the_standard_library_and_its_neighbours() -> None:
    text = "import sys; sys.path.append(sys.argv[1]); import banksman.executors.runner\n"
    text += "print(*(name for name in sys.modules if name.startswith('banksman.')))"
    sources = str(Path(runner.__file__).parents[2])
    command = [sys.executable, "-I", "-S", "-c", text, sources]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert set(said.split()) == {
        "banksman.executors",
        *(
            f"banksman.executors.{name}"
            for name in ("box", "last_words", "processes", "program", "runner", "spool")
        ),
    }


def test_a_sweep_ends_and_removes_all_but_what_is_kept(tmp_path: Path) -> None:
    async def history(executor: LocalExecutor) -> tuple[tuple[str, ...], ProcessEnd]:
        await executor.start("left", _waiting(tmp_path))
        await executor.start("kept", _waiting(tmp_path))
        swept = await executor.sweep({"kept"})
        return swept, await executor.stop("kept", "over")

    root = tmp_path / "spool"
    swept, kept = asyncio.run(history(LocalExecutor(root, SystemClock())))
    assert swept == ("left",)
    assert kept.why == "over"
    assert [path.name for path in root.iterdir()] == ["kept"]


def test_a_sweep_of_nothing_is_nothing(tmp_path: Path) -> None:
    executor = LocalExecutor(tmp_path / "spool", SystemClock())
    assert asyncio.run(executor.sweep(frozenset())) == ()


def _waiting(folder: Path) -> ProcessSpec:
    return ProcessSpec(argv=("sleep", "300"), cwd=folder, env={"PATH": os.defpath})
