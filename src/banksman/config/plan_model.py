"""What a plan may hold, as models: they check it, and the JSON Schema is made from them."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from banksman.config.fields import (
    Checks,
    Deadline,
    Name,
    Needs,
    Paths,
    Said,
    SchemaPlace,
    Sentences,
    Span,
    Text,
    Title,
    choice,
)
from banksman.config.limits_model import LimitsTable
from banksman.core.task import (
    PRIORITY_MAX,
    PRIORITY_MIN,
    DependencyPolicy,
    Gate,
    TaskKind,
    TaskSpec,
)

TASKS_MAX: Final = 100_000
TRIES_MAX: Final = 100


class TaskEntry(BaseModel):
    """One task of a plan."""

    model_config = ConfigDict(frozen=True, extra="forbid", title="Task")

    key: Name = Field(description="Name of the task, unique in the plan; others refer to it.")
    title: Title = Field(description="One line for people, branch names and commit messages.")
    instructions: Text = Field(
        default=TaskSpec.instructions, description="What the agent is told, in any length."
    )
    needs: Needs = Field(
        default=(), description="Keys of the tasks that must be completed before."
    )
    priority: Annotated[
        int,
        Field(strict=True, ge=PRIORITY_MIN, le=PRIORITY_MAX),
        Said(f"{PRIORITY_MIN} to {PRIORITY_MAX}"),
    ] = Field(
        default=TaskSpec.priority,
        description="Which goes first of those that are ready: the highest.",
    )
    deadline: Deadline = Field(
        default=TaskSpec.deadline,
        description="When it should be done, RFC 3339 with an offset; raises the priority in "
        "the last hour before.",
    )
    estimate: Span = Field(
        default=TaskSpec.estimate_min,
        description='Expected work: minutes, or a text such as "2h" or "30m".',
    )
    agent: Name = Field(
        default=TaskSpec.agent,
        description="Name of an agent of banksman.toml, if not the default one.",
    )
    checks: Checks = Field(
        default=TaskSpec.checks,
        description="Names of checks of banksman.toml that must hold; without it, all of them.",
    )
    acceptance: Sentences = Field(
        default=TaskSpec.acceptance,
        description="Criteria in words, for the agent and for the person who accepts.",
    )
    retries: Annotated[
        int, Field(strict=True, ge=0, le=TRIES_MAX), Said(f"0 to {TRIES_MAX}")
    ] = Field(
        default=TaskSpec.retries_max,
        description="Further attempts that may be made without asking anyone.",
    )
    turns: Annotated[int, Field(strict=True, ge=1, le=TRIES_MAX), Said(f"1 to {TRIES_MAX}")] = (
        Field(
            default=TaskSpec.turns_max,
            description="Prompts within one attempt, the first one included.",
        )
    )
    on_dependency_failure: Annotated[DependencyPolicy, choice(DependencyPolicy)] = Field(
        default=TaskSpec.on_dependency_failure,
        description="What happens if a task it needs ends for good without completing.",
    )
    touches: Paths = Field(
        default=(), description="Globs of the paths it is expected to change."
    )
    may_change: Paths = Field(
        default=(), description="Globs of existing tests that it may change."
    )
    kind: Annotated[TaskKind, choice(TaskKind)] = Field(
        default=TaskSpec.kind, description="What sort of work it is."
    )
    gate: Annotated[Gate, choice(Gate)] = Field(
        default=TaskSpec.gate,
        description="`manual` asks a person before the task may start.",
    )
    limits: LimitsTable = Field(
        default_factory=LimitsTable,
        description="What it may spend; for what is left out, `[limits] task` of "
        "banksman.toml holds.",
    )

    def spec(self) -> TaskSpec:
        """Return the task as the engine knows it."""
        return TaskSpec(
            key=self.key,
            title=self.title,
            instructions=self.instructions,
            priority=self.priority,
            deadline=self.deadline,
            estimate_min=self.estimate,
            agent=self.agent,
            checks=self.checks,
            acceptance=self.acceptance,
            retries_max=self.retries,
            turns_max=self.turns,
            on_dependency_failure=self.on_dependency_failure,
            touches=self.touches,
            may_change=self.may_change,
            kind=self.kind,
            gate=self.gate,
            limits=self.limits.limits,
        )


class PlanHead(BaseModel):
    """What stands beside the tasks: in YAML at the top level, in JSON Lines as first line."""

    model_config = ConfigDict(frozen=True, extra="forbid", title="Plan head")

    version: Annotated[Literal[1], Said("1")] = Field(description="Version of the format.")
    schema_: SchemaPlace = Field(
        default="",
        alias="$schema",
        description="Where the JSON Schema is, for editors; not read.",
    )


class PlanFile(PlanHead):
    """A plan: the tasks of a project and what they need of one another."""

    model_config = ConfigDict(frozen=True, extra="forbid", title="Banksman plan")

    tasks: tuple[TaskEntry, ...] = Field(
        min_length=1, max_length=TASKS_MAX, description="The tasks, in any order."
    )
