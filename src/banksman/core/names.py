"""What things are called in git: branches, private refs, commit messages and shown paths.

Titles, messages and file names are written by people, agents and repositories. Here they
become what git accepts, what a terminal may show, and what cannot be mistaken for Banksman:
the trailers `Banksman-…` are written in one place and taken out of everybody else's text.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from banksman.core.task import Task, TaskId

TARGET_DEFAULT: Final = "banksman/target"
REFS: Final = "refs/banksman/"

_SLUG_CHARACTERS_MAX: Final = 40
_SUBJECT_CHARACTERS_MAX: Final = 72
_BODY_CHARACTERS_MAX: Final = 20_000

# Python's own idea of a line's end is wider than git's; here both agree, so that no trailer
# hides behind a separator that only one of them sees.
_LINE_ENDS: Final = re.compile("\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_OURS: Final = re.compile(r"^\W*banksman-[\w-]*\s*[:=]", re.IGNORECASE)
_FOLDED: Final = re.compile(r"^[ \t]+\S")
_ESCAPED: Final = re.compile(r"\\x([0-9a-f]{2})")


def slug(title: str) -> str:
    r"""Return a title as lower-case ASCII words with hyphens, `task` if nothing is left.

    Examples:
        >>> slug("Fix: the *parser*, again!")
        'fix-the-parser-again'
        >>> slug("../..\n")
        'task'
    """
    ascii_only = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    words = re.sub(r"[^a-z0-9]+", "-", ascii_only.lower()).strip("-")
    return words[:_SLUG_CHARACTERS_MAX].rstrip("-") or "task"


def branch_name(task_id: TaskId, title: str, attempt: int) -> str:
    """Return the branch of an attempt.

    Examples:
        >>> branch_name(TaskId(7), "Add types", 2)
        'banksman/task-7-add-types/2'
    """
    return f"banksman/task-{task_id}-{slug(title)}/{attempt}"


def attempt_ref(task_id: TaskId, attempt: int) -> str:
    """Return the private ref that keeps what an attempt was last captured as."""
    return f"{REFS}attempts/{task_id}/{attempt}"


def saved_ref(task_id: TaskId, attempt: int, number: int) -> str:
    """Return the private ref of the `number`-th state of a workspace that was saved, from 1."""
    return f"{saved_refs(task_id, attempt)}{number}"


def saved_refs(task_id: TaskId, attempt: int) -> str:
    """Return what the names of all saved states of an attempt begin with."""
    return f"{REFS}saved/{task_id}/{attempt}/"


def workspace_name(task_id: TaskId, attempt: int) -> str:
    """Return the name of an attempt's folder, the same after a restart."""
    return f"task-{task_id}-{attempt}"


def workspace_owner(name: str) -> tuple[TaskId, int] | None:
    """Return task and attempt of a workspace's name, or None if it is no such name.

    Examples:
        >>> workspace_owner("task-12-3")
        (12, 3)
        >>> workspace_owner("task-12")
    """
    found = re.fullmatch(r"task-([1-9][0-9]{0,17})-([1-9][0-9]{0,17})", name)
    return (TaskId(int(found[1])), int(found[2])) if found else None


def commit_message(task: Task, attempt: int, body: str = "") -> str:
    r"""Return the message of a commit with a task's work; Banksman's trailers end it.

    Args:
        task: Its title becomes the first line; at most 72 characters of it are kept.
        attempt: The attempt's number.
        body: Anything, such as what an agent said it did; cleaned.

    Examples:
        >>> from banksman.core.task import ProjectId, TaskSpec
        >>> spec = TaskSpec(key="types", title="Add types")
        >>> print(commit_message(Task(id=TaskId(7), project_id=ProjectId(1), spec=spec), 2))
        Add types
        <BLANKLINE>
        Banksman-Task: 7 (types)
        Banksman-Attempt: 2
        <BLANKLINE>
    """
    text = clean_message(body)[:_BODY_CHARACTERS_MAX].rstrip()
    key = one_line(task.spec.key)
    trailers = _trailers(f"{task.id} ({key})" if key else str(task.id), attempt)
    parts = (_subject(task.spec.title) or f"Task {task.id}", text, trailers)
    return "\n\n".join(part for part in parts if part)


def saved_message(task_id: TaskId, attempt: int, reason: str) -> str:
    r"""Return the message of a commit that keeps a workspace as it was.

    Examples:
        >>> saved_message(TaskId(7), 2, "the attempt\nwas cancelled").split("\n")[0]
        'Saved: the attempt was cancelled'
    """
    subject = f"Saved: {one_line(reason, _SUBJECT_CHARACTERS_MAX - 7) or 'a workspace'}"
    return f"{subject}\n\n{_trailers(str(task_id), attempt)}"


def clean_message(text: str) -> str:
    r"""Return foreign text without control characters and without trailers of ours.

    Line ends become `\n`, tabs stay, and a trailer goes with the lines it is folded onto.

    Examples:
        >>> clean_message("Done.\x1b[2J\n\nbanksman-task: 9\n and more\nSigned-off-by: A")
        'Done.[2J\n\nSigned-off-by: A'
    """
    kept: list[str] = []
    dropping = False
    for raw in _LINE_ENDS.split(text):
        line = "".join(filter(_harmless, raw)).rstrip()
        dropping = bool(_OURS.match(line)) or (dropping and bool(_FOLDED.match(line)))
        if not dropping:
            kept.append(line)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip("\n")


def one_line(text: str, characters_max: int = 200) -> str:
    r"""Return text as one printable line, cut with `…` if it is longer.

    Examples:
        >>> one_line("two\nlines\x07", 20)
        'two lines'
        >>> one_line("abcdef", 4)
        'abc…'
    """
    # More is read than kept, since what is dropped does not count; what is never shown is not.
    head = _LINE_ENDS.sub(" ", text[: characters_max * 4])
    line = " ".join("".join(filter(_harmless, head)).split())
    return line if len(line) <= characters_max else f"{line[: characters_max - 1].rstrip()}…"


def escape_path(path: bytes) -> str:
    r"""Return a path of git's as printable text, `\xNN` for each byte that is not.

    A backslash is escaped as well, so that `unescape_path` gives back every path.

    Examples:
        >>> print(escape_path(b"a\n\xff\\ b"))
        a\x0a\xff\x5c b
        >>> print(escape_path("grün/\u202eexe".encode()))
        grün/\xe2\x80\xaeexe
    """
    return "".join(map(_escape, path.decode("utf-8", "surrogateescape")))


def unescape_path(text: str) -> bytes:
    r"""Return the path that `escape_path` was given.

    Examples:
        >>> unescape_path(r"a\x0a\xff\x5c b")
        b'a\n\xff\\ b'
    """
    raw = _ESCAPED.sub(lambda found: chr(0xDC00 + int(found[1], 16)), text)
    # Bytes travel as lone surrogates: above 0x7f that is what `surrogateescape` means by them.
    return b"".join(
        bytes([ord(one) - 0xDC00]) if "\udc00" <= one <= "\udcff" else one.encode()
        for one in raw
    )


def _trailers(task: str, attempt: int) -> str:
    return f"Banksman-Task: {task}\nBanksman-Attempt: {attempt}\n"


def _subject(title: str) -> str:
    line = one_line(title, _SUBJECT_CHARACTERS_MAX)
    return "" if _OURS.match(line) else line


def _harmless(one: str) -> bool:
    # `isprintable` refuses controls, bidirectional overrides, surrogates and private use.
    return one == "\t" or one.isprintable()


def _escape(one: str) -> str:
    if one.isprintable() and one != "\\":
        return one
    return "".join(f"\\x{byte:02x}" for byte in one.encode("utf-8", "surrogateescape"))
