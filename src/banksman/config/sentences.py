"""What pydantic found, in people's words: one sentence for each problem, with its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from banksman.config.problems import Document, KeyPath, Problems
from banksman.config.words import described, either, escaped, quoted, suggestion

# What other tools call the same thing.
_MEANT: Final = {
    **dict.fromkeys(("depends_on", "dependson", "dependencies", "requires", "after"), "needs"),
    **dict.fromkeys(("description", "prompt", "details", "body"), "instructions"),
    **dict.fromkeys(("id", "name", "slug"), "key"),
    **dict.fromkeys(("due", "due_date", "duedate"), "deadline"),
    **dict.fromkeys(("criteria", "acceptance_criteria"), "acceptance"),
    **dict.fromkeys(("max_retries", "attempts"), "retries"),
    **dict.fromkeys(("budget", "caps"), "limits"),
    "type": "kind",
}


@dataclass(frozen=True, kw_only=True)
class Teller:
    """Turns the errors of one model into problems of a file.

    Attributes:
        document: Knows the places.
        problems: Where the sentences go.
        subject: Names a path within the model for people, such as `[run] parallel`.
        keys: Gives the known keys of the group of keys at a path within the model.
        under: Where the model's value stands in the document.
        sources: What paths of the document came from, if not from the file.
        elsewhere: Keys that do not belong to the top, and where they do.
    """

    document: Document
    problems: Problems
    subject: Callable[[KeyPath], str]
    keys: Callable[[KeyPath], tuple[str, ...]]
    under: KeyPath = ()
    sources: Mapping[KeyPath, str] = field(default_factory=dict[KeyPath, str])
    elsewhere: Mapping[str, str] = field(default_factory=dict[str, str])

    def tell(self, error: ValidationError) -> None:
        """Add one problem for each thing that is wrong."""
        for detail in error.errors(include_url=False):
            path = detail["loc"]
            self.say(path, self._sentence(detail, path))
            if self.problems.full:
                return

    def say(self, path: KeyPath, sentence: str) -> None:
        """Add a problem with the place of this path."""
        whole = (*self.under, *path)
        source = self.sources.get(whole, "")
        self.problems.add(self.document.mark(whole), sentence, source=source)

    def _sentence(self, detail: ErrorDetails, path: KeyPath) -> str:
        subject = self.subject(path)
        match detail["type"]:
            case "missing":
                return f"{subject} is missing; add it"
            case "extra_forbidden":
                return self._unknown(path)
            case "model_type" | "dict_type":
                return f"{subject} must be a group of keys, not {described(detail['input'])}"
            case _:
                words = detail.get("ctx", {}).get("words") or escaped(detail["msg"])
                return f"{subject} {words}"

    def _unknown(self, path: KeyPath) -> str:
        where, wrong = self.subject(path[:-1]), str(path[-1])
        known = self.keys(path[:-1])
        meant = _MEANT.get(wrong.casefold().replace("-", "_"), "")
        near = suggestion(meant if meant in known else wrong, known)
        home = self.elsewhere.get(wrong, "")
        near = f"; it belongs below {home}" if home and not path[:-1] else near
        near = near or f"; the keys here are {either(known, 'and')}"
        return f"{where + ': ' if where else ''}unknown key {quoted(wrong)}{near}"


def known_keys(model: type[BaseModel]) -> tuple[str, ...]:
    """Return the keys that a model takes, as they are written."""
    return tuple(field.alias or key for key, field in model.model_fields.items())


def dotted(path: KeyPath) -> str:
    """Return a path as people write it.

    Examples:
        >>> dotted(("setup", 0, "x"))
        'setup[0].x'
    """
    parts = (f"[{step}]" if isinstance(step, int) else f".{escaped(step)}" for step in path)
    return "".join(parts).removeprefix(".")
