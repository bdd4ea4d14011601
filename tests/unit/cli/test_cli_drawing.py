"""A plan as a picture."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from banksman.cli.drawing import dot, levels, mermaid
from banksman.config.planned import PlannedTask
from banksman.core.task import TaskSpec


def planned(key: str, title: str = "Do it", *needs: str) -> PlannedTask:
    return PlannedTask(spec=TaskSpec(key=key, title=title), needs=needs, line=1)


@given(st.lists(st.sets(st.integers(0, 19)), max_size=20))
def test_every_task_stands_below_all_that_it_needs(needs: list[set[int]]) -> None:
    # Only earlier ones: that makes no circle.
    edges = {
        str(number): tuple(str(one) for one in wanted if one < number)
        for number, wanted in enumerate(needs)
    }
    found = levels(edges)
    place = {key: level for level, keys in enumerate(found) for key in keys}
    assert place.keys() == edges.keys()
    for key, wanted in edges.items():
        assert place[key] == max((place[need] + 1 for need in wanted), default=0)


def test_a_title_cannot_break_out_of_its_label() -> None:
    tasks = [planned("a", 'x"]; evil["\x1b[2J\\'), planned("end", "Done", "a")]
    assert '  "a" [label="a: x\\"]; evil[\\"\\\\"];' in list(dot(tasks))
    text = list(mermaid(tasks))
    assert text[1] == '  t1["a: x#34;#93;#59; evil#91;#34;\\"]'
    assert text[-1] == "  t1 --> t2"
