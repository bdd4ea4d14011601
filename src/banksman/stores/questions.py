"""What is asked of a store for people to read. Each statement stands here, with its reason."""

from __future__ import annotations

from typing import Final

# How far the journal goes: every change writes a line, so this grows with each, and finding the
# greatest key costs one step whatever the size.
REVISION: Final = "SELECT coalesce(max(seq), 0) FROM journal"

# Records are read column by column with their names, so `*` hides no order.
PROJECTS: Final = "SELECT * FROM project ORDER BY id"
PROJECT: Final = "SELECT * FROM project WHERE id = :project_id"

# The open attempt, if there is one, beside its task: at most one is open.
TASKS: Final = """
SELECT task.id, spec.key, spec.title, spec.kind, task.status, spec.priority, spec.deadline,
    task.attempt, task.retries_used, task.not_before, task.reason,
    coalesce(nullif(attempt.agent, ''), spec.agent) AS agent,
    open.step, open.stop, coalesce(open.turns, 0) AS turns, open.started_at
FROM task
JOIN task_spec AS spec ON spec.task_id = task.id
LEFT JOIN attempt ON attempt.task_id = task.id AND attempt.number = task.attempt
LEFT JOIN attempt AS open
    ON open.task_id = task.id AND open.number = task.attempt AND open.ended_at IS NULL
WHERE task.project_id = :project_id
ORDER BY task.id
"""

# The edges of a project, so that a status needs one query for them and not one a task.
EDGES: Final = """
SELECT dependency.task_id, dependency.needs_id FROM dependency
JOIN task ON task.id = dependency.task_id
WHERE task.project_id = :project_id
ORDER BY dependency.task_id, dependency.needs_id
"""

# Which open breakpoint events stop which tasks; its partial index holds the open ones alone.
OPEN_BREAKPOINT_IDS: Final = """
SELECT task_id, id FROM breakpoint_event
WHERE project_id = :project_id AND resolved_at IS NULL ORDER BY id
"""

# What still waits for an engine.
PENDING_COMMANDS: Final = """
SELECT count(*) FROM command
WHERE project_id = :project_id AND applied_at IS NULL AND withdrawn_at IS NULL
"""

# One task as the store has it: its state, then its specification.
TASK: Final = """
SELECT task.id, task.project_id, task.status, task.version, task.attempt, task.retries_used,
    task.retries_granted, task.rate_limits, task.not_before, task.entry, task.resumes,
    task.guidance, task.gate_passed, task.reason,
    spec.key, spec.title, spec.instructions, spec.priority, spec.deadline, spec.estimate_min,
    spec.agent, spec.checks, spec.acceptance, spec.retries_max, spec.turns_max,
    spec.on_dependency_failure, spec.touches, spec.may_change, spec.kind, spec.gate,
    spec.limits, spec.extra
FROM task JOIN task_spec AS spec ON spec.task_id = task.id
WHERE task.id = :task_id
"""

# A person may name a task by its key in the plan.
TASK_BY_KEY: Final = (
    "SELECT task_id FROM task_spec WHERE project_id = :project_id AND key = :key"
)

# A number is one only within its project.
TASK_BY_NUMBER: Final = "SELECT id FROM task WHERE project_id = :project_id AND id = :id"

NEEDS: Final = "SELECT needs_id FROM dependency WHERE task_id = :task_id ORDER BY needs_id"

# All that belongs to a task, by attempt.
ATTEMPTS: Final = "SELECT * FROM attempt WHERE task_id = :task_id ORDER BY number"
TURNS: Final = "SELECT * FROM turn WHERE task_id = :task_id ORDER BY attempt, number"
DECISIONS: Final = "SELECT * FROM decision WHERE task_id = :task_id ORDER BY attempt, number"
# What an earlier turn changed, a later one may have undone: only the last turn's count.
CHANGES: Final = """
SELECT file_change.* FROM file_change
JOIN attempt ON attempt.task_id = file_change.task_id AND attempt.number = file_change.attempt
WHERE file_change.task_id = :task_id AND file_change.turn = attempt.turns
ORDER BY file_change.attempt, file_change.path
"""
CHECKPOINTS: Final = (
    "SELECT * FROM checkpoint WHERE task_id = :task_id ORDER BY attempt, number"
)
USAGE: Final = "SELECT * FROM usage WHERE task_id = :task_id ORDER BY attempt, turn"
TASK_BREAKPOINTS: Final = "SELECT * FROM breakpoint_event WHERE task_id = :task_id ORDER BY id"

# Results belong to trees; a task's are those of the trees that its attempts captured.
RESULTS: Final = """
SELECT * FROM check_result
WHERE project_id = (SELECT project_id FROM task WHERE id = :task_id)
    AND tree IN (SELECT tree FROM attempt WHERE task_id = :task_id)
ORDER BY at, "check"
"""

BREAKPOINTS: Final = "SELECT * FROM breakpoint_event WHERE project_id = :project_id ORDER BY id"
OPEN_BREAKPOINTS: Final = """
SELECT * FROM breakpoint_event
WHERE project_id = :project_id AND resolved_at IS NULL ORDER BY id
"""
BREAKPOINT: Final = "SELECT * FROM breakpoint_event WHERE id = :id"

# Lines from a point on. `writes` is left out: it is for machines, and it is most of a line.
JOURNAL_AFTER: Final = """
SELECT seq, project_id, at, kind, actor, epoch, task_id, attempt, source, target, reason
FROM journal
WHERE project_id = :project_id AND seq > :after AND (:task_id IS NULL OR task_id = :task_id)
ORDER BY seq LIMIT :limit
"""

# The last lines: from the end backwards, for the caller to turn round.
JOURNAL_TAIL: Final = """
SELECT seq, project_id, at, kind, actor, epoch, task_id, attempt, source, target, reason
FROM journal
WHERE project_id = :project_id AND (:task_id IS NULL OR task_id = :task_id)
ORDER BY seq DESC LIMIT :limit
"""

# Where the last run began: looked for from the end.
LAST_RUN: Final = """
SELECT seq FROM journal WHERE project_id = :project_id AND kind = 'run.begun'
ORDER BY seq DESC LIMIT 1
"""

# From the end backwards, and no further than to the last time that it was said.
UNCONFINED: Final = """
SELECT coalesce((
    SELECT kind = 'sandbox.off' FROM journal
    WHERE project_id = :project_id AND kind IN ('sandbox.on', 'sandbox.off')
    ORDER BY seq DESC LIMIT 1
), 0)
"""

# Whether the last engine claims anything: looked for from the end, as far as its beginning.
HELD: Final = """
SELECT kind, reason FROM journal
WHERE project_id = :project_id AND kind IN ('run.begun', 'claims.held', 'claims.freed')
ORDER BY seq DESC LIMIT 1
"""

# Where a time lies in the journal, whose order is that of what happened, whatever clocks said.
SINCE: Final = """
SELECT coalesce(min(seq), 0) FROM journal WHERE project_id = :project_id AND at >= :at
"""

# What turns have cost whose end is told from a line on, by whom: whatever clocks said then.
USAGE_SINCE: Final = """
SELECT usage.agent, count(*), coalesce(sum(usage.input_tokens), 0),
    coalesce(sum(usage.output_tokens), 0), coalesce(sum(usage.cost_microusd), 0),
    coalesce(sum(usage.duration_ms), 0)
FROM usage
WHERE (usage.task_id, usage.attempt, usage.turn) IN (
    SELECT json_extract(written.value, '$.row.task_id'),
        json_extract(written.value, '$.row.attempt'), json_extract(written.value, '$.row.turn')
    FROM journal JOIN json_each(journal.writes) AS written
    WHERE journal.project_id = :project_id AND journal.seq >= :line
        AND journal.task_id IS NOT NULL
        AND json_extract(written.value, '$.table') = 'usage'
)
GROUP BY usage.agent ORDER BY usage.agent
"""

# What turns cost: what people are shown, and what limits are held against. A turn that ended
# without a word about its time (its agent was stopped, say) took from its begin to its end; one
# that goes on counts as a turn, and has cost nothing that is known.
_SPENT: Final = """
SELECT count(*) AS turns,
    coalesce(sum(coalesce(usage.duration_ms, max(0, turn.ended_at - turn.started_at))), 0)
        AS time_ms,
    coalesce(sum(usage.input_tokens + usage.output_tokens), 0) AS tokens,
    coalesce(sum(usage.cost_microusd), 0) AS cost_microusd
FROM turn
LEFT JOIN usage ON usage.task_id = turn.task_id AND usage.attempt = turn.attempt
    AND usage.turn = turn.number
"""
SPENT: Final = (
    f"{_SPENT}JOIN task ON task.id = turn.task_id WHERE task.project_id = :project_id"
)
SPENT_ON_TASK: Final = f"{_SPENT}WHERE turn.task_id = :task_id AND turn.attempt > :after"

RUN: Final = "SELECT * FROM run WHERE project_id = :project_id ORDER BY number DESC LIMIT 1"

# All reads after this see one moment, until the transaction ends; no writer waits for it.
BEGIN: Final = "BEGIN"
