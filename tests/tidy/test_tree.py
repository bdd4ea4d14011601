"""The style guide, as a test: every rule holds in every file it applies to."""

from __future__ import annotations

import pytest

from tests.tidy.seams import SEAM_RULES, SEAMS, WAITS, Seam, crossings, sample
from tests.tidy.shape_rules import SHAPE_RULES
from tests.tidy.sources import Rule, Samples, Source
from tests.tidy.word_rules import WORD_RULES

RULES = (*SHAPE_RULES, *SEAM_RULES, *WORD_RULES)

REFUSED = [
    pytest.param(seam, name, id=f"{seam.what}: {name}")
    for seam in (*SEAMS, WAITS)
    for name in (*seam.names, *seam.modules)
]


ALL_RULES = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)


@ALL_RULES
def test_the_tree_keeps_the_rule(rule: Rule) -> None:
    findings = sorted(str(finding) for finding in rule.check(rule.applies()))
    if findings:
        pytest.fail("\n".join(findings), pytrace=False)


@ALL_RULES
def test_a_rule_notices_what_it_forbids(rule: Rule) -> None:
    assert rule.trips
    for samples in rule.trips:
        assert list(rule.check(_sources(samples))), samples


@ALL_RULES
def test_a_rule_spares_what_only_looks_like_it(rule: Rule) -> None:
    assert rule.spares
    for samples in rule.spares:
        assert not list(rule.check(_sources(samples))), samples


@ALL_RULES
def test_a_rule_applies_to_some_file(rule: Rule) -> None:
    # A rule whose files have moved away holds for ever.
    assert rule.applies()


@pytest.mark.parametrize(("seam", "name"), REFUSED)
def test_a_seam_notices_each_name_however_it_is_imported(seam: Seam, name: str) -> None:
    top, _, last = name.rpartition(".")
    plain = sample(name)
    renamed = f"from {top} import {last} as other\n\nTHING = other\n" if top else plain
    inside = f"import {name} as other\n\n\ndef f():\n    return other\n" if not top else plain
    for text in (plain, renamed, inside):
        assert list(crossings(seam, Source("banksman.core.sample", text)))


def test_a_seam_lets_a_home_and_an_annotation_pass() -> None:
    chance = next(seam for seam in SEAMS if "random" in seam.names)
    drawn = "import random\n\nTHING = random.random()\n"
    taken = (
        "from random import Random\n\ndef f(chance: Random) -> float: return chance.random()\n"
    )
    assert not list(crossings(chance, Source("banksman.app.start", drawn)))
    assert list(crossings(chance, Source("banksman.apple", drawn)))
    assert not list(crossings(chance, Source("banksman.core.retry", taken)))


def _sources(samples: Samples) -> list[Source]:
    return [Source(module, text) for module, text in samples.items()]
