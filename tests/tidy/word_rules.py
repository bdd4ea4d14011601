"""Rules on words: names, comments, and what no file says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from tests.tidy.names import Use, defined
from tests.tidy.sources import Finding, Rule, Source, each, in_code, in_files, in_package

OTHER_WORDS: Final[Mapping[str, str]] = {
    "job": "task or attempt",
    "jobs": "tasks or attempts",
    "session": "attempt or turn",
    "sessions": "attempts or turns",
}
"""Words that the glossary has other words for."""

EMPTY_WORDS: Final = frozenset({"data", "info"})
"""Names that say nothing; refused as the whole of a name."""

OWN_WORDS: Final = (
    ("session", "banksman.agents", "the word of the protocols that agents speak"),
    ("session", "banksman.executors", "the word of the operating system"),
    ("data", "banksman.testing.virtual_time", "a parameter of the selectors of Python"),
)
"""Where one of them is the right word after all, and why."""

EMPTY_MODULES: Final = frozenset(
    {"base", "common", "helper", "helpers", "misc", "util", "utils"}
)

IGNORES_PER_KLOC: Final = 1

_SUPPRESSION: Final = re.compile(
    r"#\s*(?P<kind>noqa|(?:type|pyright): ignore|pragma: no (?:cover|branch))"
    r"(?P<codes>\[[\w, -]+\]|:\s*[A-Z]+\d+(?:[,\s]+[A-Z]+\d+)*)?(?P<reason>.*)"
)
# Written so that these patterns do not match their own text.
_UNFINISHED: Final = re.compile(r"\b(?:TOD[O]|FIXM[E]|XX[X]|HAC[K])\b")
_AUTHORSHIP: Final = re.compile(
    r"co-?authore[d]|\bas an a[i]\b"
    r"|generated (?:with|by) (?:an? )?(?:a[i]|assistant|language model)\b",
    re.IGNORECASE,
)
_MACHINE: Final = re.compile(
    r"(?<![\w.~$}*])/(?:home|opt|root|Users|work)/|\bpyp[i]\.org|python[h]osted|registry\.npm[j]s"
)


def glossary(source: Source) -> Iterator[Finding]:
    """Yield names that use another word for a thing of the glossary."""
    for use in (*defined(source), Use(source.module.rpartition(".")[2], 1)):
        for word in _words(use.name):
            if word in OTHER_WORDS and not _is_own_word(word, source):
                advice = f"{use.name}: the glossary says {OTHER_WORDS[word]} for {word}"
                yield Finding(source, use.line, advice)


def _words(name: str) -> list[str]:
    """Return the words of a name in snake or camel case, in lower case.

    Examples:
        >>> _words("open_jobs"), _words("JobQueue"), _words("HTTPJob")
        (['open', 'jobs'], ['job', 'queue'], ['http', 'job'])
    """
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)
    return [part.lower() for part in parts]


def _is_own_word(word: str, source: Source) -> bool:
    return any(
        word.removesuffix("s") == own and source.within(home) for own, home, _why in OWN_WORDS
    )


def empty_names(source: Source) -> Iterator[Finding]:
    """Yield names and modules that say nothing about what they hold."""
    for use in defined(source):
        if use.name in EMPTY_WORDS and not _is_own_word(use.name, source):
            yield Finding(source, use.line, f"{use.name}: name what it is")
    if source.module.rpartition(".")[2] in EMPTY_MODULES:
        yield Finding(source, 1, "split along a noun, and name the module after it")


def class_names(source: Source) -> Iterator[Finding]:
    """Yield classes named after their role in the code, and errors not named as such."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ClassDef):
            if re.match(r"Base[A-Z]|I[A-Z][a-z]", node.name) or node.name.endswith("Impl"):
                yield Finding(source, node.lineno, f"{node.name}: no I…, Base… or …Impl")
            bases = [ast.unparse(base) for base in node.bases]
            if _is_error(bases) and not node.name.endswith("Exception"):
                yield Finding(source, node.lineno, f"{node.name}: errors end in Exception")


def _is_error(bases: Sequence[str]) -> bool:
    # What derives from BaseException itself is a signal, as KeyboardInterrupt is, and no error.
    return any(re.search(r"(?<!\bBase)(Exception|Error)$", base) for base in bases)


def unfinished(source: Source) -> Iterator[Finding]:
    """Yield notes on work to be done."""
    for number, line in enumerate(source.lines, start=1):
        if _UNFINISHED.search(line):
            yield Finding(source, number, "what is left to do is an issue, not a comment")


def bare_suppressions(source: Source) -> Iterator[Finding]:
    """Yield comments that silence a tool without naming a finding, or without a reason.

    The reason stands behind it or on the line above.
    """
    for number, comment in source.comments.items():
        match = _SUPPRESSION.search(comment)
        if match is None:
            continue
        reasons = (match["reason"], source.comments.get(number - 1, ""))
        if not match["codes"] and not match["kind"].startswith("pragma"):
            yield Finding(source, number, f"name the finding that {match['kind']} silences")
        elif not any(_is_reason(reason) for reason in reasons):
            yield Finding(
                source, number, f"say why the finding is wrong here ({match['kind']})"
            )


def _is_reason(comment: str) -> bool:
    return len(re.findall(r"[^\W\d_]{2,}", comment)) >= 2 and not _SUPPRESSION.search(comment)


def many_ignores(sources: Sequence[Source]) -> Iterator[Finding]:
    """Yield every ignored type error, if there are too many for the lines of code."""
    lines = sum(len(source.lines) for source in sources)
    ignored = [
        Finding(source, number, f"one of too many ignored type errors in {lines} lines")
        for source in sources
        for number, comment in source.comments.items()
        if re.search(r"#\s*(type|pyright): ignore", comment)
    ]
    if ignored and 1000 * len(ignored) >= IGNORES_PER_KLOC * lines:
        yield from ignored


def authorship(source: Source) -> Iterator[Finding]:
    """Yield lines on who or what wrote something: history is git's."""
    for number, line in enumerate(source.lines, start=1):
        if _AUTHORSHIP.search(line):
            yield Finding(source, number, "files do not say who wrote them: git does")


def machines(source: Source) -> Iterator[Finding]:
    """Yield lines that hold on one machine only, or name the host of a registry."""
    for number, line in enumerate(source.lines, start=1):
        if _MACHINE.search(line):
            yield Finding(source, number, "no path of one machine, no host of a registry")


# Samples that would trip a rule as they stand here are put together when they are needed.
WORD_RULES: Final = (
    Rule(
        name="The glossary is the law",
        applies=in_package,
        check=each(glossary),
        trips=(
            {"banksman.core.sample": "class JobQueue:\n    pass\n"},
            {"banksman.core.sample": "def start(open_sessions): ...\n"},
            {"banksman.core.job": ""},
        ),
        spares=(
            {"banksman.core.sample": "objective = jobless = start(new_session=True)\n"},
            {"banksman.agents.sample": "session_id = 1\n"},
        ),
    ),
    Rule(
        name="A name says what it names",
        applies=in_package,
        check=each(empty_names),
        trips=({"banksman.core.sample": "def f(data): ...\n"}, {"banksman.core.utils": ""}),
        spares=({"banksman.core.sample": "def f(metadata): ...\n"},),
    ),
    Rule(
        name="A class is named after its meaning, an error as an exception",
        applies=in_code,
        check=each(class_names),
        trips=(
            {"banksman.core.sample": "class IStore: ...\n"},
            {"banksman.core.sample": "class BaseStore: ...\n"},
            {"banksman.core.sample": "class StoreImpl: ...\n"},
            {"banksman.core.sample": "class LostError(errors.StoreException): ...\n"},
        ),
        spares=(
            {"banksman.core.sample": "class InboxException(ValueError): ...\n"},
            {"banksman.core.sample": "class Baseline: ...\n"},
            {"banksman.core.sample": "class Crash(BaseException): ...\n"},
        ),
    ),
    Rule(
        name="What is left to do is an issue",
        applies=in_files,
        check=each(unfinished),
        trips=({"README.md": "TO" + "DO: say more"}, {"Makefile": "# FIX" + "ME"}),
        spares=({"banksman.core.sample": "TODOS = todo = 1\n"},),
    ),
    Rule(
        name="A silenced finding is named, with a reason",
        applies=in_code,
        check=each(bare_suppressions),
        trips=(
            {"banksman.core.sample": "x = 1  # noqa because it is so\n"},
            {"banksman.core.sample": "x = 1  # noqa: E501\n"},
            {"banksman.core.sample": "x = 1  # type: ignore[misc]\n"},
            {"banksman.core.sample": "x = 1  # pragma: no cover\n"},
        ),
        spares=(
            {"banksman.core.sample": "x = 1  # noqa: E501, S101 - it is a table\n"},
            {"banksman.core.sample": "# It is untyped.\nx = 1  # type: ignore[misc]\n"},
        ),
    ),
    Rule(
        name="Fewer than one ignored type error in a thousand lines",
        applies=in_code,
        check=many_ignores,
        trips=({"banksman.core.sample": "x = 1  # type: ignore[misc]\n" + "x = 1\n" * 999},),
        spares=({"banksman.core.sample": "x = 1  # pyright: ignore[x]\n" + "x = 1\n" * 1000},),
    ),
    Rule(
        name="Files do not say who wrote them",
        applies=in_files,
        check=each(authorship),
        trips=({"README.md": "Co-" + "authored-by: somebody\n"},),
        spares=({"README.md": "The author of a plug-in runs the conformance suite.\n"},),
    ),
    Rule(
        name="Files hold on every machine",
        applies=in_files,
        check=each(machines),
        trips=({"README.md": "cd /" + "home/me/banksman\n"},),
        spares=({"README.md": "cd ~/work/banksman; ls src/work/x\n"},),
    ),
)
