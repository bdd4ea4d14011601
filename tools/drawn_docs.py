"""What the docs say of tables in the code, drawn from those tables.

`python -m tools.drawn_docs` writes the pages again; a test compares them with the code.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from banksman.core.breakpoint_rules import BREAKPOINT_RULES
from banksman.core.breakpoints import EFFECTS, SEVERITIES, BreakpointType, Effect, Resolution
from banksman.core.decision import RULES
from banksman.core.task import EntryStep, TaskStatus
from banksman.core.transitions import TERMINAL, TRANSITIONS
from banksman.orchestration.protocol import PROTOCOL

ROOT: Final = Path(__file__).parents[1]
STATES: Final = Path("docs/reference/states.md")
BREAKPOINTS: Final = Path("docs/reference/breakpoints.md")
ARCHITECTURE: Final = Path("ARCHITECTURE.md")

_MADE: Final = "<!-- Made by `python -m tools.drawn_docs`; change the code instead. -->"
_BEGIN: Final = "<!-- protocol: made by `python -m tools.drawn_docs` -->\n"
_END: Final = "<!-- end of protocol -->\n"


def states_page() -> str:
    """Return the states of a task as a diagram and as a table."""
    rows = (
        (f"`{source}`", f"`{target}`", f"`{event.__name__}`", _first_line(event.__doc__))
        for (source, event), target in TRANSITIONS.items()
    )
    return f"""# States of a task

{_MADE}

Every way from one state to another, and the event that takes it. What is not here is refused
with the ways that are. A task begins as `{TaskStatus.PENDING}`; {_listed(TERMINAL)} are final.

```mermaid
{_diagram()}
```

{_table(("from", "to", "event", "when"), rows)}"""


def breakpoints_page() -> str:
    """Return what each type of breakpoint is, and what each answer to it does."""
    meanings = {rule.type: rule.meaning for rule in BREAKPOINT_RULES}
    types = (
        (
            f"`{kind}`",
            SEVERITIES[kind],
            *(_effect(EFFECTS.get((kind, answer))) for answer in Resolution),
        )
        for kind in BreakpointType
    )
    fires = ((f"`{kind}`", meaning) for kind, meaning in meanings.items())
    decides = (
        (str(number), f"`{rule.name}`", rule.action, rule.because)
        for number, rule in enumerate(RULES, 1)
    )
    return f"""# Breakpoints and decisions

{_MADE}

A breakpoint stops a task for a person. `banksman breakpoint list` shows what is open, and
`banksman resolve` answers; an answer is final. Where several events stop one task, the most
careful answer decides where it enters again.

## What each answer does

{_table(("type", "severity", *Resolution), types)}
A dash makes no sense and is refused. Where the attempt left no work, what would need it is
refused too.

For `budget_exceeded`, retry and edit grant the task its whole budget once more: only attempts
after the one that was stopped count from then on. The limits of the run and the project hold
on; a run has new ones when it is begun again.

## What the engine fires by itself

{_table(("type", "when"), fires)}
## How an attempt is decided on

The first rule that holds decides.

{_table(("", "rule", "action", "because"), decides)}"""


def protocol_table() -> str:
    """Return the durability protocol as a table."""
    rows = ((act.intent, act.act, act.truth) for act in PROTOCOL)
    return _table(("intent in the store", "act", "after a crash, the truth is"), rows)


def drawn(path: Path, text: str) -> str:
    """Return a page as it should be, given its present text.

    Raises:
        ValueError: The page has lost the place that is drawn.
    """
    if path == STATES:
        return states_page()
    if path == BREAKPOINTS:
        return breakpoints_page()
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not (begin and end):
        raise ValueError(f"{path} has no place for the protocol")
    return f"{before}{begin}\n{protocol_table()}\n{end}{after}"


def _diagram() -> str:
    lines = ["stateDiagram-v2", f"    [*] --> {TaskStatus.PENDING}"]
    for source in TaskStatus:
        targets: dict[TaskStatus, list[str]] = {}
        for (status, event), target in TRANSITIONS.items():
            if status is source:
                targets.setdefault(target, []).append(event.__name__)
        lines += [
            f"    {source} --> {target}: {', '.join(events)}"
            for target, events in targets.items()
        ]
    return "\n".join((*lines, *(f"    {status} --> [*]" for status in sorted(TERMINAL))))


def _effect(effect: Effect | None) -> str:
    if effect is None:
        return "–"
    if effect.notes_only:
        return "noted"
    if effect.cancels:
        return "cancels"
    if effect.reruns_dependency:
        return "tries the failed task again"
    words = {
        EntryStep.AGENT: "goes on" if effect.resumes else "starts anew",
        EntryStep.CHECKS: "is checked as edited",
        EntryStep.INTEGRATION: "is integrated",
    }
    if effect.gate_passed and not (effect.grants_retry or effect.needs):
        words[EntryStep.AGENT] = "may start"
    extra = "; trusts the target's tip" if effect.adopts_target else ""
    asks = ", with the answer" if effect.asks_guidance else ""
    return f"{words[effect.entry]}{asks}{extra}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _listed(names: Iterable[str]) -> str:
    return " and ".join(f"`{name}`" for name in sorted(names))


def _first_line(text: str | None) -> str:
    assert text, "every event says what happened"
    return text.strip().split("\n")[0].removesuffix(".")


def main() -> None:
    """Write all pages again."""
    for path in (STATES, BREAKPOINTS, ARCHITECTURE):
        place = ROOT / path
        text = place.read_text() if place.exists() else ""
        place.write_text(drawn(path, text))
        print(path)


if __name__ == "__main__":
    main()
