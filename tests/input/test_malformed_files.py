"""Each malformed file gets its exact message, and the schemas know what they can know."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import yaml

from banksman.config.plan import load_plan
from banksman.config.settings import Flags, load_settings
from banksman.exceptions import PlanException
from tests.input.editors import an_editor_accepts
from tests.input.samples import SAMPLES, Sample

NAMES = [f"{sample.file}: {sample.name}" for sample in SAMPLES]


def load(folder: Path, file: str) -> None:
    if file == "banksman.toml":
        load_settings(folder, Flags(), {"HOME": "/nobody"})
    else:
        load_plan(folder / file, shown=file)


def parsed(sample: Sample) -> object:
    if sample.file == "banksman.toml":
        return tomllib.loads(sample.content.decode())
    return yaml.safe_load(sample.content)


@pytest.mark.parametrize("sample", SAMPLES, ids=NAMES)
def test_every_problem_is_told_in_its_exact_words(sample: Sample, tmp_path: Path) -> None:
    (tmp_path / sample.file).write_bytes(sample.content)
    with pytest.raises(PlanException) as caught:
        load(tmp_path, sample.file)
    assert caught.value.problems == sample.told
    assert str(caught.value) == "\n".join(sample.told)


@pytest.mark.parametrize("sample", [s for s in SAMPLES if s.schema], ids=lambda s: s.name)
def test_a_schema_refuses_what_a_schema_can_know(sample: Sample) -> None:
    assert not an_editor_accepts(sample.file, parsed(sample))


def test_the_table_is_long_and_names_nothing_twice() -> None:
    assert len(SAMPLES) >= 90
    assert len(set(NAMES)) == len(NAMES)


def test_every_message_is_one_printable_sentence() -> None:
    for sample in SAMPLES:
        for message in sample.told:
            assert message.isprintable()
            assert message.endswith((".", "?"))
