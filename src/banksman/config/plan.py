"""Reads a plan: from YAML, or from JSON Lines when it is huge. Nothing runs by being read."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from banksman.config.json_lines import LineDocument, json_lines
from banksman.config.limits_model import LimitsTable
from banksman.config.plan_checks import Entry, Names, check_entries
from banksman.config.plan_model import TASKS_MAX, PlanFile, PlanHead, TaskEntry
from banksman.config.planned import Plan, PlannedTask
from banksman.config.problems import Document, KeyPath, Mark, Problems
from banksman.config.reading import read_text
from banksman.config.sentences import Teller, dotted, known_keys
from banksman.config.shapes import as_group, as_list
from banksman.config.words import described, quoted
from banksman.config.yaml_reading import read_yaml

YAML_BYTES_MAX: Final = 32 << 20
_MISSING: Final = "write one with `banksman init`, or name another file"
_TOP_KEYS: Final = known_keys(PlanFile)
_HEAD_KEYS: Final = known_keys(PlanHead)
_TASK_KEYS: Final = known_keys(TaskEntry)
_LIMITS_KEYS: Final = known_keys(LimitsTable)


def load_plan(
    path: Path,
    *,
    agents: Collection[str] | None = None,
    checks: Collection[str] | None = None,
    shown: str = "",
) -> Plan:
    """Return the plan of a file; `.jsonl` is JSON Lines, everything else is YAML.

    Args:
        path: The file: no folder, pipe, device or link.
        agents: Names of the configured agents; none to take any name.
        checks: Names of the configured checks; none to take any name.
        shown: How messages name the file; the path if empty.

    Raises:
        PlanException: With all problems of the file at once.
    """
    problems = Problems(shown or str(path))
    reader = _Reader(problems)
    if path.suffix == ".jsonl":
        reader.take_lines(json_lines(path, problems, missing=_MISSING))
    else:
        text = read_text(path, problems, bytes_max=YAML_BYTES_MAX, missing=_MISSING)
        reader.take_document(read_yaml(text, problems))
    if not reader.taken and not problems.found:
        problems.add(Mark(1), "the plan has no tasks; add at least one")
    check_entries(
        reader.entries, Names(tasks=reader.keys, agents=agents, checks=checks), problems
    )
    problems.check()
    return Plan(tasks=tuple(entry.task for entry in reader.entries))


class _Reader:
    """Takes tasks one by one, so that problems stay bounded however long the plan is.

    Attributes:
        entries: The tasks that are right in themselves.
        keys: Where each key was first given, also those of tasks that are wrong.
        taken: Tasks seen.
    """

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.entries: list[Entry] = []
        self.keys: dict[str, Mark] = {}
        self.taken = 0

    def take_document(self, document: Document) -> None:
        """Take a whole document: its head and its list of tasks."""
        group = as_group(document.value)
        if group is None:
            found = described(document.value)
            sentence = f'the file must hold "version: 1" and "tasks:", and is {found}'
            self.problems.refuse(document.mark(()), sentence)
        head = {**group}
        tasks = head.pop("tasks", ...)
        self._head(document, head, keys=_TOP_KEYS)
        if tasks is ...:
            self.problems.add(document.mark(()), 'tasks is missing; list them below "tasks:"')
        elif (items := as_list(tasks)) is None:
            sentence = f"tasks must be a list of tasks, not {described(tasks)}"
            self.problems.add(document.mark(("tasks",)), sentence)
        else:
            for number, task in enumerate(items):
                self._take(document, task, under=("tasks", number))
                if self.problems.full:
                    return

    def take_lines(self, documents: Iterable[LineDocument]) -> None:
        """Take a task from each document; the first may be a head."""
        for number, document in enumerate(documents):
            group = as_group(document.value)
            if number == 0 and group and "version" in group:
                self._head(document, group, keys=_HEAD_KEYS)
            elif group and "version" in group and not _key(group):
                sentence = "a head stands here; it may stand on the first line only"
                self.problems.add(document.mark(()), sentence)
            else:
                self._take(document, document.value, under=())
            if self.problems.full:
                return

    def _head(self, document: Document, head: object, *, keys: tuple[str, ...]) -> None:
        teller = Teller(
            document=document,
            problems=self.problems,
            subject=dotted,
            keys=lambda _: keys,
        )
        try:
            PlanHead.model_validate(head)
        except ValidationError as error:
            teller.tell(error)

    def _take(self, document: Document, value: object, *, under: KeyPath) -> None:
        mark = document.mark(under)
        self.taken += 1
        if self.taken > TASKS_MAX:
            sentence = f"the plan has more than {TASKS_MAX:,} tasks, which is the limit"
            self.problems.refuse(mark, sentence)
        label = _label(value, under)
        self._take_key(document, value, under=under)
        try:
            entry = TaskEntry.model_validate(value)
        except ValidationError as error:
            self._tell(error, document, under=under, label=label)
            return
        task = PlannedTask(spec=entry.spec(), needs=entry.needs, line=mark.line)
        # What a line held is not kept: with huge plans it is most of the memory.
        kept = LineDocument(None, mark.line) if not under else document
        self.entries.append(Entry(task=task, label=label, document=kept, under=under))

    def _take_key(self, document: Document, value: object, *, under: KeyPath) -> None:
        key = _key(value)
        if not key:
            return
        mark = document.mark((*under, "key"))
        first = self.keys.setdefault(key, mark)
        if first is not mark:
            sentence = (
                f"{_label(value, under)}: the key {quoted(key)} is taken by the task on "
                f"line {first.line}; give one of them another key"
            )
            self.problems.add(mark, sentence)

    def _tell(
        self, error: ValidationError, document: Document, *, under: KeyPath, label: str
    ) -> None:
        def subject(path: KeyPath) -> str:
            return f"{label}: {dotted(path)}" if path else label

        teller = Teller(
            document=document,
            problems=self.problems,
            subject=subject,
            keys=lambda path: _LIMITS_KEYS if path else _TASK_KEYS,
            under=under,
        )
        teller.tell(error)


def _label(value: object, under: KeyPath) -> str:
    """Return how people know a task: by its key, and by its place in the list."""
    place = dotted(under)
    key = _key(value)
    if key:
        return f"task {quoted(key)} ({place})" if place else f"task {quoted(key)}"
    return place or "the task"


def _key(value: object) -> str:
    """Return the key that a task is given, or an empty text."""
    key = (as_group(value) or {}).get("key")
    return key if isinstance(key, str) else ""
