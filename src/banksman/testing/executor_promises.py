"""What every `Executor` promises to the programs it runs; `ExecutorContract` has the rest."""

from __future__ import annotations

import ast
import asyncio
import re
from abc import ABC, abstractmethod
from dataclasses import replace
from pathlib import Path

import pytest

from banksman.exceptions import ExecutorException
from banksman.ports import Executor, ProcessSpec
from banksman.testing.executor_programs import python


class ProgramPromises(ABC):
    """What a program gets and gives; and how an executor under test is made and broken."""

    @abstractmethod
    def executor(self, root: Path) -> Executor:
        """Return a new executor on the spools in `root`, as a new engine has one."""

    @abstractmethod
    def kill_runner(self, root: Path, spool: str) -> None:
        """Kill what runs this spool, but not its tree; returns when it is dead."""

    @abstractmethod
    def start_and_die(self, root: Path, spool: str, spec: ProcessSpec) -> None:
        """Start the spool from another process; kill that once the program said `ready`."""

    def family(self, place: Path, text: str) -> ProcessSpec:
        """Return how to run a program of `executor_programs` that leaves others behind.

        They have no environment. An executor that finds daemons by that alone, and says so,
        may give them theirs here.
        """
        return python(place, text)

    @pytest.fixture
    def place(self, tmp_path: Path) -> Path:
        """Return the folder in which programs run."""
        place = tmp_path / "place"
        place.mkdir()
        return place

    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        """Return the folder of the spools."""
        return tmp_path / "spools"

    def test_a_program_gives_its_output_and_its_code(self, root: Path, place: Path) -> None:
        text = "import os, sys; os.write(1, b'out'); os.write(2, b'err'); sys.exit(3)"
        end = asyncio.run(self.executor(root).run("a", python(place, text)))
        assert (end.how, end.code, end.output, end.truncated) == ("exited", 3, b"outerr", False)

    def test_a_program_that_dies_of_a_signal_gives_its_number_below_zero(
        self, root: Path, place: Path
    ) -> None:
        text = "import os; os.kill(os.getpid(), 9)"
        end = asyncio.run(self.executor(root).run("a", python(place, text)))
        assert (end.how, end.code) == ("exited", -9)

    def test_a_program_gets_its_environment_its_input_and_its_folder_exactly(
        self, root: Path, place: Path
    ) -> None:
        text = "import os, sys; print(dict(os.environ), os.getcwd(), sys.stdin.buffer.read())"
        stdin = bytes(range(256)) * 1000
        spec = replace(python(place, text), env={"A": "ü\n\udcff"}, stdin=stdin)
        output = asyncio.run(self.executor(root).run("a", spec)).output.decode()
        environment, rest = output[: output.index("}") + 1], output[output.index("}") + 1 :]
        # The interpreter itself adds LC_CTYPE; what the executor adds has names of its own,
        # but for where a program is at home and where it is.
        got = {
            name: value
            for name, value in ast.literal_eval(environment).items()
            if not name.startswith("BANKSMAN_") and name not in {"LC_CTYPE", "HOME", "PWD"}
        }
        assert got == {"A": "ü\n\udcff"}
        assert "'BANKSMAN_EXECUTION': '1:1:1:1'" in environment
        assert rest.strip() == f"{place} {stdin!r}"

    def test_a_program_without_input_reads_the_end_of_file(
        self, root: Path, place: Path
    ) -> None:
        text = "import sys; print(sys.stdin.read() == '')"
        end = asyncio.run(self.executor(root).run("a", python(place, text)))
        assert end.output == b"True\n"

    def test_output_is_kept_byte_for_byte(self, root: Path, place: Path) -> None:
        text = "import os; os.write(1, bytes(range(256)) * 100)"
        end = asyncio.run(self.executor(root).run("a", python(place, text)))
        assert end.output == bytes(range(256)) * 100

    def test_a_huge_output_is_kept_within_its_bound_head_and_tail(
        self, root: Path, place: Path
    ) -> None:
        text = "import os\nfor i in range(300): os.write(1, b'%05d' % i + b'x' * 99_995)"
        text += "\nos.write(1, b'the end')"
        spec = replace(python(place, text), output_bytes_max=10_000)
        end = asyncio.run(self.executor(root).run("a", spec))
        head, told, tail = re.split(rb"\n\[\S+ (\d+) bytes dropped \S+\]\n", end.output)
        assert end.code == 0
        assert end.truncated
        assert len(head) + len(tail) <= 10_000
        assert head.startswith(b"00000xxx")
        assert tail.endswith(b"xxxthe end")
        assert len(head) + int(told) + len(tail) == 30_000_007

    def test_a_missing_program_ends_with_127_and_says_why(
        self, root: Path, place: Path
    ) -> None:
        spec = replace(python(place, ""), argv=("no-such-program", "x"))
        end = asyncio.run(self.executor(root).run("a", spec))
        assert (end.how, end.code) == ("exited", 127)
        assert "no-such-program" in end.why

    def test_a_file_that_is_no_program_ends_with_126_and_says_why(
        self, root: Path, place: Path
    ) -> None:
        (place / "text").write_text("no program")
        spec = replace(python(place, ""), argv=("./text",))
        end = asyncio.run(self.executor(root).run("a", spec))
        assert (end.how, end.code) == ("exited", 126)
        assert "./text" in end.why

    def test_a_missing_folder_is_named_and_nothing_starts(
        self, root: Path, place: Path
    ) -> None:
        spec = replace(python(place, ""), cwd=place / "missing")
        with pytest.raises(ExecutorException, match="missing"):
            asyncio.run(self.executor(root).run("a", spec))

    def test_an_argument_that_no_program_can_get_is_refused(
        self, root: Path, place: Path
    ) -> None:
        with pytest.raises(ExecutorException, match="NUL"):
            asyncio.run(self.executor(root).run("a", python(place, "\0")))

    @pytest.mark.parametrize("name", ["", ".", "..", "../a", "a/b", ".a", "a\nb", "a" * 300])
    def test_a_name_that_is_no_folder_name_is_refused(
        self, root: Path, place: Path, name: str
    ) -> None:
        with pytest.raises(ExecutorException, match="name"):
            asyncio.run(self.executor(root).run(name, python(place, "")))

    def test_many_run_at_once(self, root: Path, place: Path) -> None:
        async def run_all() -> list[bytes]:
            executor = self.executor(root)
            async with asyncio.TaskGroup() as group:
                running = [
                    group.create_task(executor.run(f"n{n}", python(place, f"print({n})")))
                    for n in range(64)
                ]
            return [task.result().output for task in running]

        assert asyncio.run(run_all()) == [b"%d\n" % n for n in range(64)]
