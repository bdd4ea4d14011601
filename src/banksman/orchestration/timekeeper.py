"""Delays that stay right when the time of day is set, or the machine sleeps.

When a task may be tried again is stored as a time of day, so that a later engine knows it, too.
If the clock is set back by hours meanwhile, that time would come hours late: it is set back as
well. If it is set forward, or the machine slept, what is due by then is due; the limits of
agents and checks go by another clock, which counts only while the machine is awake.
"""

from __future__ import annotations

from banksman.core.clocks import Drift, Reading, drift, span
from banksman.core.task import Instant, ProjectId, TaskId, TaskStatus
from banksman.orchestration.task_flow import TaskFlow
from banksman.ports import Clock, Transaction
from banksman.state.state_manager import StateManager


class Timekeeper:
    """Looks at the clocks, round after round.

    Args:
        state: Writes what they say.
        flow: Knows which tasks wait for a time.
        clock: The clocks; read now for the first time.
    """

    def __init__(self, state: StateManager, flow: TaskFlow, clock: Clock) -> None:
        self._state = state
        self._flow = flow
        self._clock = clock
        self._last = self._reading()

    def tick(self, project_id: ProjectId) -> Drift:
        """Journal what came over the clocks since the last look, and return it.

        It has a transaction of its own: what a round hands in goes by the new time already.
        """
        reading = self._reading()
        found = drift(self._last, reading)
        if found != Drift():
            with self._state.transaction() as tx:
                self._write(tx, project_id, found)
        self._last = reading
        return found

    def _write(self, tx: Transaction, project_id: ProjectId, found: Drift) -> None:
        if found.slept_ms:
            reason = f"for {span(found.slept_ms // 1000)}"
            self._state.record(tx, "machine.slept", tx.project(project_id), reason=reason)
        if found.set_ms:
            back = found.set_ms < 0
            kind = "clock.jumped"
            reason = f"{'back' if back else 'forward'} by {span(abs(found.set_ms) // 1000)}"
            if back:
                times = self._set_back(tx, project_id, found.set_ms)
                self._state.retime(tx, project_id, times, kind=kind, reason=reason)
            else:
                self._state.record(tx, kind, tx.project(project_id), reason=reason)

    def _set_back(
        self, tx: Transaction, project_id: ProjectId, by_ms: int
    ) -> dict[TaskId, Instant]:
        board = self._flow.board(project_id, tx)
        return {
            task.id: Instant(task.not_before + by_ms)
            for task in board.tasks(TaskStatus.RETRYING)
            if task.not_before is not None
        }

    def _reading(self) -> Reading:
        return Reading(
            now=self._clock.now(),
            since_boot_s=self._clock.since_boot(),
            awake_s=self._clock.monotonic(),
        )
