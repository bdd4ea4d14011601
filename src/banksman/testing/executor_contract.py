"""What every `Executor` promises, as tests.

Subclass `ExecutorContract` in a test module, say how your executor is made and how its parts
die, and run pytest.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from banksman.exceptions import ExecutorException
from banksman.ports import ProcessEnd
from banksman.testing.executor_programs import (
    FAMILY,
    HOLDING,
    LINGERING,
    MARKED,
    STUBBORN,
    WAITING,
    is_anyone_alive,
    python,
    until,
)
from banksman.testing.executor_promises import ProgramPromises

WORDS: Final = '{"how": "well", "type": "done"}'


class ExecutorContract(ProgramPromises):
    """Promises of `banksman.ports.Executor`: once, to the end, and whoever watches."""

    # --- once ------------------------------------------------------------------------------

    def test_a_spool_that_is_started_twice_runs_once(self, root: Path, place: Path) -> None:
        spec = python(place, "open('log', 'a').write('x'); print('done')")

        async def start_often() -> list[bytes]:
            executors = [self.executor(root) for _ in range(4)]
            async with asyncio.TaskGroup() as group:
                for executor in executors:
                    group.create_task(executor.start("a", spec))
            ends = [await executor.wait("a") for executor in executors]
            await executors[0].start("a", spec)
            await self.executor(root).start("a", spec)
            return [end.output for end in (*ends, await self.executor(root).wait("a"))]

        assert asyncio.run(start_often()) == [b"done\n"] * 5
        assert (place / "log").read_text() == "x"

    def test_what_was_never_started_is_sealed_by_attach(self, root: Path, place: Path) -> None:
        async def attach_first() -> str:
            assert not await self.executor(root).attach("a")
            executor = self.executor(root)
            await executor.start("a", python(place, "open('log', 'w')"))
            return (await executor.wait("a")).how

        assert asyncio.run(attach_first()) == "lost"
        assert not (place / "log").exists()

    def test_what_was_never_started_is_sealed_by_stop(self, root: Path, place: Path) -> None:
        async def stop_first() -> ProcessEnd:
            executor = self.executor(root)
            await executor.stop("a", "not wanted")
            await executor.start("a", python(place, "open('log', 'w')"))
            return await executor.wait("a")

        end = asyncio.run(stop_first())
        assert (end.how, end.why) == ("stopped", "not wanted")
        assert not (place / "log").exists()

    # --- ends ------------------------------------------------------------------------------

    def test_a_program_that_ends_takes_its_daemons_with_it(
        self, root: Path, place: Path
    ) -> None:
        end = asyncio.run(self.executor(root).run("a", self.family(place, FAMILY)))
        assert (end.how, end.code, end.output) == ("exited", 0, b"ready\n")
        assert not is_anyone_alive(place)

    def test_a_time_out_ends_a_stubborn_tree(self, root: Path, place: Path) -> None:
        spec = replace(self.family(place, STUBBORN), timeout_s=1.0)
        end = asyncio.run(self.executor(root).run("a", spec))
        assert (end.how, end.code, end.output) == ("timeout", None, b"ready\n")
        assert end.duration_ms >= 1000
        assert not is_anyone_alive(place)

    def test_silence_ends_a_tree(self, root: Path, place: Path) -> None:
        spec = replace(self.family(place, LINGERING), silence_s=1.0)
        end = asyncio.run(self.executor(root).run("a", spec))
        assert (end.how, end.code, end.output) == ("silence", None, b"ready\n")
        assert not is_anyone_alive(place)

    def test_a_program_that_prints_is_not_silent(self, root: Path, place: Path) -> None:
        text = "import time\nfor _ in range(30): print('.', flush=True); time.sleep(0.1)"
        spec = replace(python(place, text), silence_s=2.0)
        assert asyncio.run(self.executor(root).run("a", spec)).how == "exited"

    def test_a_program_that_does_not_end_after_its_last_words_is_ended(
        self, root: Path, place: Path
    ) -> None:
        text = STUBBORN.replace('print("ready"', f"print({WORDS!r}")
        spec = replace(self.family(place, text), last_words="done", linger_s=0.5)
        end = asyncio.run(self.executor(root).run("a", spec))
        assert (end.how, end.code, end.output) == ("lingered", None, f"{WORDS}\n".encode())
        assert not is_anyone_alive(place)

    def test_a_program_that_ends_soon_after_its_last_words_has_just_ended(
        self, root: Path, place: Path
    ) -> None:
        text = (
            f"import time; print({WORDS!r}, flush=True); time.sleep(0.5); raise SystemExit(7)"
        )
        spec = replace(python(place, text), last_words="done", silence_s=0.4)
        end = asyncio.run(self.executor(root).run("a", spec))
        assert (end.how, end.code) == ("exited", 7)

    def test_what_only_quotes_last_words_says_none(self, root: Path, place: Path) -> None:
        quote = '{"type": "said", "what": {"type": "done"}}'
        text = f"import time; print({quote!r}, flush=True); time.sleep(0.5)"
        spec = replace(python(place, text), last_words="done", linger_s=0.0)
        assert asyncio.run(self.executor(root).run("a", spec)).how == "exited"

    def test_a_program_that_closes_its_output_is_waited_for(
        self, root: Path, place: Path
    ) -> None:
        text = "import os, time; os.close(1); os.close(2); time.sleep(0.5); os._exit(7)"
        end = asyncio.run(self.executor(root).run("a", python(place, text)))
        assert (end.how, end.code) == ("exited", 7)

    def test_a_stop_ends_the_tree_and_may_be_repeated(self, root: Path, place: Path) -> None:
        async def stop() -> list[ProcessEnd]:
            executor = self.executor(root)
            await executor.start("a", self.family(place, LINGERING))
            await until(lambda: b"ready" in executor.tail("a"))
            async with asyncio.TaskGroup() as group:
                waiting = group.create_task(executor.wait("a"))
                stopped = await executor.stop("a", "enough ü")
            again = await self.executor(root).stop("a", "once more")
            return [stopped, waiting.result(), again]

        for end in asyncio.run(stop()):
            assert (end.how, end.code, end.why) == ("stopped", None, "enough ü")
        assert not is_anyone_alive(place)

    def test_a_program_may_use_the_time_between_the_polite_signal_and_the_end(
        self, root: Path, place: Path
    ) -> None:
        text = "import time\ntry:\n print('ready', flush=True)\n time.sleep(999)\n"
        text += "except KeyboardInterrupt: print('saved')"

        async def stop() -> bytes:
            executor = self.executor(root)
            await executor.start("a", python(place, text))
            await until(lambda: b"ready" in executor.tail("a"))
            return (await executor.stop("a", "")).output

        assert asyncio.run(stop()) == b"ready\nsaved\n"

    def test_run_ends_the_tree_when_it_is_cancelled(self, root: Path, place: Path) -> None:
        async def cancel() -> str:
            executor = self.executor(root)
            async with asyncio.TaskGroup() as group:
                running = group.create_task(executor.run("a", self.family(place, LINGERING)))
                await until(lambda: b"ready" in executor.tail("a"))
                running.cancel()
            assert running.cancelled()
            assert not is_anyone_alive(place)
            return (await executor.wait("a")).how

        assert asyncio.run(cancel()) == "stopped"

    @pytest.mark.parametrize("rounds", [0, 1, 2, 3, 5])
    def test_run_that_is_cancelled_while_it_starts_leaves_nobody(
        self, root: Path, place: Path, rounds: int
    ) -> None:
        async def cancel() -> str:
            executor = self.executor(root)
            async with asyncio.TaskGroup() as group:
                running = group.create_task(executor.run("a", self.family(place, LINGERING)))
                for _ in range(rounds):
                    await asyncio.sleep(0)
                running.cancel()
            return (await executor.stop("a", "never meant")).how

        assert asyncio.run(cancel()) == "stopped"
        assert not is_anyone_alive(place)

    # --- engines come and go ---------------------------------------------------------------

    def test_wait_leaves_the_tree_running_when_it_is_cancelled(
        self, root: Path, place: Path
    ) -> None:
        async def cancel() -> bytes:
            executor = self.executor(root)
            await executor.start("a", python(place, WAITING))
            await until(lambda: b"ready" in executor.tail("a"))
            async with asyncio.TaskGroup() as group:
                waiting = group.create_task(executor.wait("a"))
                await asyncio.sleep(0)
                waiting.cancel()
            later = self.executor(root)
            assert await later.attach("a")
            (place / "go").touch()
            return (await later.wait("a")).output

        assert asyncio.run(cancel()) == b"ready\ngone\n"

    def test_a_result_is_there_for_any_later_engine(self, root: Path, place: Path) -> None:
        async def ask_later() -> ProcessEnd:
            await self.executor(root).run("a", python(place, "print('x')"))
            later = self.executor(root)
            assert await later.attach("a")
            return await later.wait("a")

        end = asyncio.run(ask_later())
        assert (end.how, end.code, end.output) == ("exited", 0, b"x\n")

    def test_a_tree_without_time_to_live_ends_with_its_engine(
        self, root: Path, place: Path
    ) -> None:
        self.start_and_die(root, "a", replace(self.family(place, LINGERING), ttl_s=0))
        end = asyncio.run(self._end_without_attach(root, place))
        assert end.how == "stopped"

    def test_a_tree_goes_on_without_its_engine_and_is_found_again(
        self, root: Path, place: Path
    ) -> None:
        self.start_and_die(root, "a", replace(python(place, WAITING), ttl_s=60))

        async def take_over() -> ProcessEnd:
            executor = self.executor(root)
            await until(lambda: b"ready" in executor.tail("a"))
            assert await executor.attach("a")
            (place / "go").touch()
            return await executor.wait("a")

        end = asyncio.run(take_over())
        assert (end.how, end.code, end.output) == ("exited", 0, b"ready\ngone\n")

    def test_a_result_waits_for_the_next_engine(self, root: Path, place: Path) -> None:
        spec = replace(python(place, f"{HOLDING}\nprint('ready')"), ttl_s=60)
        self.start_and_die(root, "a", spec)

        async def take_over() -> ProcessEnd:
            executor = self.executor(root)
            await until(lambda: b"ready" in executor.tail("a") and not is_anyone_alive(place))
            assert await executor.attach("a")
            return await executor.wait("a")

        end = asyncio.run(take_over())
        assert (end.how, end.code, end.output) == ("exited", 0, b"ready\n")

    def test_a_tree_that_no_engine_claims_ends_after_its_time_to_live(
        self, root: Path, place: Path
    ) -> None:
        self.start_and_die(root, "a", replace(self.family(place, STUBBORN), ttl_s=1.0))
        end = asyncio.run(self._end_without_attach(root, place))
        assert (end.how, end.output) == ("stopped", b"ready\n")

    def test_a_tree_that_is_claimed_again_outlives_its_time_to_live(
        self, root: Path, place: Path
    ) -> None:
        text = "import time; print('ready', flush=True); time.sleep(3)"
        self.start_and_die(root, "a", replace(python(place, text), ttl_s=1.5))

        async def take_over() -> ProcessEnd:
            executor = self.executor(root)
            assert await executor.attach("a")
            return await executor.wait("a")

        assert asyncio.run(take_over()).how == "exited"

    def test_what_a_dead_runner_leaves_is_ended_and_lost(self, root: Path, place: Path) -> None:
        async def lose() -> ProcessEnd:
            executor = self.executor(root)
            await executor.start("a", python(place, MARKED))
            await until(lambda: b"ready" in executor.tail("a"))
            self.kill_runner(root, "a")
            later = self.executor(root)
            assert not await later.attach("a")
            assert not is_anyone_alive(place)
            return await later.wait("a")

        end = asyncio.run(lose())
        assert (end.how, end.code, end.output) == ("lost", None, b"ready\n")

    def test_wait_notices_that_the_runner_died(self, root: Path, place: Path) -> None:
        async def lose() -> str:
            executor = self.executor(root)
            await executor.start("a", python(place, MARKED))
            await until(lambda: b"ready" in executor.tail("a"))
            async with asyncio.TaskGroup() as group:
                waiting = group.create_task(executor.wait("a"))
                self.kill_runner(root, "a")
            assert not is_anyone_alive(place)
            return waiting.result().how

        assert asyncio.run(lose()) == "lost"

    def test_a_lost_execution_is_not_started_again(self, root: Path, place: Path) -> None:
        async def lose() -> str:
            executor = self.executor(root)
            spec = python(place, f"open('log', 'a').write('x')\n{MARKED}")
            await executor.start("a", spec)
            await until(lambda: b"ready" in executor.tail("a"))
            self.kill_runner(root, "a")
            await self.executor(root).start("a", spec)
            return (await self.executor(root).wait("a")).how

        assert asyncio.run(lose()) == "lost"
        assert (place / "log").read_text() == "x"
        assert not is_anyone_alive(place)

    # --- spools ----------------------------------------------------------------------------

    def test_the_tail_grows_while_the_program_runs(self, root: Path, place: Path) -> None:
        async def watch() -> bytes:
            executor = self.executor(root)
            assert executor.tail("a") == b""
            await executor.start("a", python(place, WAITING))
            await until(lambda: executor.tail("a") == b"ready\n")
            (place / "go").touch()
            await executor.wait("a")
            return executor.tail("a", 5)

        assert asyncio.run(watch()) == b"gone\n"

    def test_a_finished_spool_is_discarded_and_a_running_one_is_not(
        self, root: Path, place: Path
    ) -> None:
        async def discard() -> None:
            executor = self.executor(root)
            await executor.start("a", self.family(place, LINGERING))
            with pytest.raises(ExecutorException, match="runs"):
                executor.discard("a")
            await executor.stop("a", "")
            executor.discard("a")
            executor.discard("a")
            assert executor.tail("a") == b""

        asyncio.run(discard())

    async def _end_without_attach(self, root: Path, place: Path) -> ProcessEnd:
        """Return the end of a tree that ends before anybody claims it."""
        executor = self.executor(root)
        await until(lambda: not is_anyone_alive(place))
        assert await executor.attach("a")
        return await executor.wait("a")
