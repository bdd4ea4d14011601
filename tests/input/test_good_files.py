"""Good files are read as they are meant; schemas and pages are those of the models."""

from __future__ import annotations

import json
import re
import time
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from banksman.config.plan import load_plan
from banksman.config.planned import Plan, PlannedTask
from banksman.config.problems import Problems
from banksman.config.schemas import SCHEMAS, schema_text, write_schemas
from banksman.config.settings import Flags, load_settings
from banksman.config.yaml_reading import read_yaml
from banksman.core.task import DependencyPolicy, Gate, Instant, TaskKind, TaskSpec
from tests.input.editors import an_editor_accepts
from tools.model_pages import made_files

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "reference"


def examples(page: str, language: str) -> list[str]:
    text = (PAGES / page).read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize(("path", "text"), made_files().items(), ids=list(made_files()))
def test_what_is_made_from_the_models_is_fresh(path: str, text: str) -> None:
    assert (ROOT / path).read_text("utf-8") == text, "run `python -m tools.model_pages`"


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_schemas_are_schemas(name: str) -> None:
    schema = json.loads(schema_text(name))
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema)


def test_schemas_can_be_put_where_editors_find_them(tmp_path: Path) -> None:
    write_schemas(tmp_path / "deep" / "folder")
    assert {path.name for path in (tmp_path / "deep" / "folder").iterdir()} == set(SCHEMAS)


def test_the_example_plan_of_the_manual_is_read(tmp_path: Path) -> None:
    (text,) = examples("plan.md", "yaml")
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    parser, manual, release = load_plan(path).tasks
    assert parser.spec.priority == 8
    assert parser.spec.estimate_min == 30
    assert parser.line == 4
    assert manual.needs == ("parser",)
    assert release.spec.gate is Gate.MANUAL
    at = datetime(2030, 1, 31, 16, tzinfo=UTC)
    assert release.spec.deadline == at.timestamp() * 1000
    assert an_editor_accepts("plan.yaml", read_yaml(text, Problems("plan.yaml")).value)


def test_the_example_lines_of_the_manual_are_read(tmp_path: Path) -> None:
    (text,) = examples("plan.md", "jsonl")
    path = tmp_path / "plan.jsonl"
    path.write_text(text)
    plan = load_plan(path)
    assert [(task.spec.key, task.needs, task.line) for task in plan.tasks] == [
        ("parser", (), 2),
        ("manual", ("parser",), 3),
    ]


def test_the_example_configuration_of_the_manual_is_read(tmp_path: Path) -> None:
    (text,) = examples("configuration.md", "toml")
    (tmp_path / "banksman.toml").write_text(text)
    read = load_settings(tmp_path, Flags(), {"HOME": "/nobody"})
    assert read.run.parallel == 4
    assert read.workspaces.setup == (("npm", "ci"),)
    assert read.agents["claude"].type == "claude-code"
    assert list(read.agents["gemini"].options) == ["command", "pass_env"]
    assert an_editor_accepts("banksman.toml", tomllib.loads(text))


def test_five_thousand_tasks_are_read_in_seconds(tmp_path: Path) -> None:
    tasks = [
        {
            "key": f"task-{number}",
            "title": f"Title {number}",
            "instructions": "One line of many.\n" * 10,
            "needs": [f"task-{number - 1}"] if number else [],
            "touches": ["src/**"],
        }
        for number in range(5000)
    ]
    path = tmp_path / "plan.yaml"
    path.write_text(yaml.dump({"version": 1, "tasks": tasks}, Dumper=yaml.CSafeDumper))
    begun = time.process_time()
    assert len(load_plan(path).tasks) == 5000
    assert time.process_time() - begun < 5


# --- what is written is read the same -------------------------------------------------------

ASSIGNED = st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"])
LINES = st.text(ASSIGNED, min_size=1, max_size=40).map(str.strip).filter(bool)
TEXTS = st.text(st.one_of(ASSIGNED, st.sampled_from("\n\t")), max_size=60)
KEYS = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,12}", fullmatch=True)
PATHS = st.from_regex(r"[a-z*][a-z*./ ]{0,12}[a-z*]", fullmatch=True).filter(
    lambda path: ".." not in path.split("/")
)


def lists(
    items: st.SearchStrategy[str], min_size: int = 0
) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(items, min_size=min_size, max_size=4, unique=True).map(tuple)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    keys = draw(st.lists(KEYS, min_size=1, max_size=8, unique=True))
    tasks = [
        PlannedTask(
            spec=draw(specs(key)),
            needs=draw(lists(st.sampled_from(keys[:number]))) if number else (),
            line=0,
        )
        for number, key in enumerate(keys)
    ]
    return Plan(tasks=tuple(draw(st.permutations(tasks))))


def specs(key: str) -> st.SearchStrategy[TaskSpec]:
    return st.builds(
        TaskSpec,
        key=st.just(key),
        title=LINES,
        instructions=TEXTS,
        priority=st.integers(1, 10),
        deadline=st.none() | st.integers(0, 253_402_300_799_999).map(Instant),
        estimate_min=st.integers(1, 525_600).map(float) | st.floats(0.001, 525_600),
        agent=KEYS | st.just(""),
        checks=lists(KEYS),
        acceptance=st.lists(TEXTS.filter(bool), max_size=3).map(tuple),
        retries_max=st.integers(0, 100),
        turns_max=st.integers(1, 100),
        on_dependency_failure=st.sampled_from(DependencyPolicy),
        touches=lists(PATHS),
        may_change=lists(PATHS),
        kind=st.sampled_from(TaskKind),
        gate=st.sampled_from(Gate),
    )


def written(task: PlannedTask) -> dict[str, object]:
    spec = task.spec
    keys: dict[str, object] = {
        "key": spec.key,
        "title": spec.title,
        "instructions": spec.instructions,
        "needs": list(task.needs),
        "priority": spec.priority,
        "deadline": _moment(spec.deadline) if spec.deadline is not None else None,
        "estimate": spec.estimate_min,
        "agent": spec.agent or None,
        "checks": list(spec.checks) or None,
        "acceptance": list(spec.acceptance),
        "retries": spec.retries_max,
        "turns": spec.turns_max,
        "on_dependency_failure": spec.on_dependency_failure.value,
        "touches": list(spec.touches),
        "may_change": list(spec.may_change),
        "kind": spec.kind.value,
        "gate": spec.gate.value,
    }
    return {key: value for key, value in keys.items() if value is not None}


def _moment(at: Instant) -> str:
    seconds, ms = divmod(at, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{ms:03}Z".zfill(24)


def as_yaml(plan: Plan) -> str:
    tasks = [written(task) for task in plan.tasks]
    return yaml.safe_dump({"version": 1, "tasks": tasks}, allow_unicode=True, width=40)


def as_lines(plan: Plan) -> str:
    return "".join(json.dumps(written(task)) + "\n" for task in plan.tasks)


@pytest.mark.parametrize(("name", "dump"), [("p.yaml", as_yaml), ("p.jsonl", as_lines)])
@settings(deadline=None, max_examples=40)
@given(plan=plans())
def test_a_plan_that_is_written_and_read_is_the_same(
    name: str, dump: Callable[[Plan], str], plan: Plan, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / name
    path.write_text(dump(plan), "utf-8")
    read = load_plan(path).tasks
    assert [(task.spec, task.needs) for task in read] == [
        (task.spec, task.needs) for task in plan.tasks
    ]
    shown = {"version": 1, "tasks": [written(task) for task in plan.tasks]}
    assert an_editor_accepts("plan.yaml", shown)
