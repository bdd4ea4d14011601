"""What a repository is like, and whether Banksman can work on it.

Each refusal is one sentence and a hint. What needs no care of the user's: a dirty work tree (it
is never touched), a shallow clone (all work happens on top of what is there; only history from
before that is missing), SHA-256, a linked worktree, a folder below the root.

Refused: submodules, because commits that an agent makes inside one exist in the workspace only
and would be lost with it; Git LFS without its program, because pointers would pass for files;
names that are one file where case is ignored, because every worktree would look changed.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from banksman.core.names import TARGET_DEFAULT, escape_path, slug
from banksman.exceptions import RepositoryException
from banksman.workspaces.differences import GITLINK
from banksman.workspaces.git import REFUSED, Git, Place
from banksman.workspaces.history import History

GIT_MIN: Final = (2, 38)
"""The first git whose `merge-tree` writes a tree."""

AUTHOR: Final = ("Banksman", "banksman@localhost")


@dataclass(frozen=True, kw_only=True)
class Repository:
    """Facts about a repository that can be worked on.

    Attributes:
        work_tree: The user's work tree, from which `copy` and `link` take.
        common_dir: Git's own folder, shared by all worktrees.
        base: The user's branch that the target starts from.
        base_commit: Where it is.
        target: The branch that accepted work goes to.
        target_commit: Where it is, if it exists.
        author: Name and e-mail address for commits.
        shallow: History before some commit is missing.
    """

    work_tree: Path
    common_dir: Path
    base: str
    base_commit: str
    target: str
    target_commit: str | None
    author: tuple[str, str]
    shallow: bool

    @property
    def name(self) -> str:
        """The repository's name, for people and folders."""
        folder = self.common_dir.parent if self.common_dir.name == ".git" else self.common_dir
        return slug(folder.name.removesuffix(".git"))

    @property
    def folder(self) -> str:
        """A name for the folder of its workspaces that no other repository here has."""
        digest = hashlib.sha256(os.fsencode(self.common_dir)).hexdigest()
        return f"{self.name}-{digest[:8]}"


@dataclass(frozen=True, kw_only=True)
class Location:
    """Where a repository is; found without judging it."""

    work_tree: Path
    common_dir: Path


async def locate(path: Path, git: Git) -> Location:
    """Return where the repository around this folder is.

    Raises:
        RepositoryException: There is none, or none with a work tree, or no git.
    """
    _has_git(git)
    _is_there(path)
    await _has_files(path, git)
    return Location(
        work_tree=await _ask_path(path, git, "--show-toplevel"),
        common_dir=await _ask_path(path, git, "--git-common-dir"),
    )


async def inspect(
    path: Path, git: Git, *, base: str | None = None, target: str = TARGET_DEFAULT
) -> Repository:
    """Return the facts about the repository around this folder.

    Args:
        path: A folder in the user's work tree.
        git: How to call git.
        base: The user's branch to start from; the one checked out if it is not said.
        target: The branch that accepted work goes to.

    Raises:
        RepositoryException: It cannot be worked on as it is.
    """
    _has_git(git)
    await _is_new_enough(git)
    where = await locate(path, git)
    history = History(git, where.common_dir)
    base = base or await _current_branch(where, git, history)
    base_commit = await history.refs.branch(base)
    if base_commit is None:
        raise RepositoryException(
            message=f"There is no local branch {base!r}.",
            hint="Name an existing one with `--base`; `git branch` lists them.",
        )
    await _is_usable_target(target, base, history=history, git=git)
    await _has_no_submodules(base_commit, history, git)
    await _has_its_filters(base_commit, history, git)
    await _has_a_file_for_each_name(base_commit, history, git)
    return Repository(
        work_tree=where.work_tree,
        common_dir=where.common_dir,
        base=base,
        base_commit=base_commit,
        target=target,
        target_commit=await history.refs.branch(target),
        author=await _author(history, git),
        shallow=(await git.run(path, "rev-parse", "--is-shallow-repository")).text == "true",
    )


def _is_there(path: Path) -> None:
    if not path.is_dir():
        raise RepositoryException(message=f"There is no folder {_shown(path)}.")


def _has_git(git: Git) -> None:
    if shutil.which("git", path=git.inherited.get("PATH")) is None:
        raise RepositoryException(
            message="Git was not found.", hint="Install git 2.38 or newer, or correct PATH."
        )


async def _is_new_enough(git: Git) -> None:
    said = (await git.run(Path("/"), "version")).text
    found = re.search(r"(\d+)\.(\d+)", said)
    if found is None or (int(found[1]), int(found[2])) < GIT_MIN:
        raise RepositoryException(
            message=f"This is {said!r}, which cannot merge without a work tree.",
            hint="Install git 2.38 or newer.",
        )


async def _has_files(path: Path, git: Git) -> None:
    asked = ("rev-parse", "--is-bare-repository", "--is-inside-work-tree")
    answer = await git.run(path, *asked, accept=(0, REFUSED))
    if "dubious ownership" in answer.error:
        raise RepositoryException(
            message=f"The repository at {_shown(path)} belongs to somebody else.",
            hint="If you trust it, do what git says about `safe.directory`.",
        )
    if answer.code:
        raise RepositoryException(
            message=f"{_shown(path)} is not in a git repository.",
            hint="Go to one, or make one with `git init` and a first commit.",
        )
    bare, inside = answer.text.split()
    if inside != "true":
        kind = "a bare repository" if bare == "true" else "git's own folder"
        raise RepositoryException(
            message=f"{_shown(path)} is {kind}: there are no files to work on.",
            hint="Go to a work tree of it (`git worktree add`, or a clone).",
        )


async def _ask_path(path: Path, git: Git, what: str) -> Path:
    # One path for each call: a path may contain line ends.
    answer = await git.run(path, "rev-parse", "--path-format=absolute", what)
    return _real(answer.text)


def _real(path: str) -> Path:
    return Path(path).resolve()


async def _current_branch(where: Location, git: Git, history: History) -> str:
    head = await git.run(where.work_tree, "symbolic-ref", "--quiet", "HEAD", accept=(0, 1))
    if head.code:
        raise RepositoryException(
            message="No branch is checked out (detached HEAD).",
            hint="Name the branch to start from with `--base`.",
        )
    if await history.refs.resolve(head.text) is None:
        raise RepositoryException(
            message="The repository has no commit yet.",
            hint="Commit something first: `git add -A && git commit`.",
        )
    return head.text.removeprefix("refs/heads/")


async def _is_usable_target(target: str, base: str, *, history: History, git: Git) -> None:
    named = await git.run(
        history.place, "check-ref-format", f"refs/heads/{target}", accept=(0, 1)
    )
    if named.code or target.startswith("-"):
        raise RepositoryException(
            message=f"{target!r} cannot be the name of a branch.",
            hint="Choose another target branch.",
        )
    if target == base:
        raise RepositoryException(
            message=f"The target branch and the base branch are the same, {target!r}.",
            hint="Choose another target branch: yours moves only by `banksman land`.",
        )
    await _is_free(target, history)
    where = await history.refs.checked_out(target)
    if where is not None:
        raise RepositoryException(
            message=f"The target branch {target!r} is checked out at {_shown(where)}.",
            hint="Check out another branch there: its files would look changed.",
        )


async def _is_free(target: str, history: History) -> None:
    """Refuse a branch whose name is a folder of a name that we need, or the other way round."""
    existing = await history.refs.below("refs/heads/")
    for wanted in (target, "banksman/task"):
        parts = wanted.split("/")
        above = {f"refs/heads/{'/'.join(parts[:count])}" for count in range(1, len(parts))}
        below = [name for name in existing if name.startswith(f"refs/heads/{target}/")]
        for name in (*sorted(above & existing.keys()), *below):
            short = name.removeprefix("refs/heads/")
            raise RepositoryException(
                message=f"The branch {short!r} is in the way of {wanted!r}.",
                hint=f"Rename it: `git branch -m {short} other-name`.",
            )


async def _has_no_submodules(commit: str, history: History, git: Git) -> None:
    answer = await git.run(history.place, "ls-tree", "-r", "-z", commit)
    links = [part.partition(b"\t")[2] for part in answer.parts if part[:6] == GITLINK.encode()]
    if links:
        names = ", ".join(escape_path(link) for link in links[:3])
        raise RepositoryException(
            message=f"The repository has submodules ({names}), which Banksman cannot carry.",
            hint="What an agent commits inside one would be lost with its workspace.",
        )


async def _has_its_filters(commit: str, history: History, git: Git) -> None:
    pattern = r"filter[[:space:]]*=[[:space:]]*lfs"
    used = await git.run(
        history.place, "grep", "-q", "-E", "-e", pattern, commit, "--",
        ":(glob)**/.gitattributes",
        accept=(0, 1),
    )  # fmt: skip
    if used.code:
        return
    clean = await git.run(history.place, "config", "--get", "filter.lfs.clean", accept=(0, 1))
    if clean.code or shutil.which("git-lfs", path=git.inherited.get("PATH")) is None:
        raise RepositoryException(
            message="The repository uses Git LFS, which is not installed here.",
            hint="Install git-lfs and run `git lfs install` once.",
        )


async def _has_a_file_for_each_name(commit: str, history: History, git: Git) -> None:
    asked = ("config", "--type=bool", "--get", "core.ignorecase")
    if (await git.run(history.place, *asked, accept=(0, 1))).text != "true":
        return
    answer = await git.run(history.place, "ls-tree", "-r", "-z", "--name-only", commit)
    first: dict[str, bytes] = {}
    for name in answer.parts:
        other = first.setdefault(os.fsdecode(name).casefold(), name)
        if other != name:
            raise RepositoryException(
                message=f"{escape_path(other)} and {escape_path(name)} differ only by case, "
                "and are one file on this file system.",
                hint="Rename one of them with `git mv` and commit, or move the repository to a "
                "file system that tells them apart.",
            )


async def require_filters(repository: Repository, git: Git) -> None:
    """Refuse a repository whose files need a filter that is not run on worktrees.

    Raises:
        RepositoryException: It names the filter.
    """
    off = await git.filters_off(Place(git_dir=repository.common_dir))
    if not off:
        return
    with tempfile.TemporaryDirectory(prefix="banksman-") as folder:
        # An index of its own: attributes may stand in many files, and in none of the commit.
        at = Place(git_dir=repository.common_dir, index=Path(folder, "index"))
        await git.run(at, "read-tree", repository.base_commit)
        files = (await git.run(at, "ls-files", "-z")).out
        asked = ("check-attr", "--cached", "-z", "--stdin", "filter")
        found = await git.run(at, *asked, stdin=files)
    used = sorted(set(off).intersection(map(os.fsdecode, found.parts[2::3])))
    if used:
        names = ", ".join(repr(escape_path(os.fsencode(name))) for name in used)
        raise RepositoryException(
            message=f"Files of the repository pass through the filter {names}, which Banksman "
            "does not run on what agents write: it would run outside the sandbox.",
            hint="If its program cannot be led astray by files beside it, allow it with "
            "`filters` below [workspaces].",
        )


async def _author(history: History, git: Git) -> tuple[str, str]:
    """Return the user's name and address if git would take them, else our own."""
    found: list[str] = []
    for key in ("user.name", "user.email"):
        answer = await git.run(history.place, "config", "--get", key, accept=(0, 1))
        found.append("".join(one for one in answer.text if one not in "<>\n").strip())
    name, email = found
    return (name, email) if any(map(str.isalnum, name)) and email else AUTHOR


async def count_dirty(repository: Repository, git: Git) -> int:
    """Return how many paths have changes that are not committed; they take no part in anything.

    The user's filters are run for this, as git does for `git status`.
    """
    answer = await git.run(
        repository.work_tree,
        "status",
        "--porcelain",
        "-z",
        "--no-renames",
        "--ignore-submodules=all",
    )
    return len(answer.parts)


def _shown(path: Path) -> str:
    return escape_path(os.fsencode(path))
