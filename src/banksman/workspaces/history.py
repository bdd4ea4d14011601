"""Commits, trees and refs: what git keeps, apart from any files on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from banksman.core.names import escape_path, one_line
from banksman.core.records import FileChange
from banksman.exceptions import WorkspaceException
from banksman.ports import Written
from banksman.workspaces.differences import DIFF, parse_changes
from banksman.workspaces.git import REFUSED, Answer, Git, Place
from banksman.workspaces.refs import Refs


@dataclass(frozen=True, kw_only=True)
class Merge:
    """What a merge would be.

    Attributes:
        tree: The merged tree; paths in conflict have both sides in it, between markers.
        clean: There is no conflict.
        conflicts: Paths in conflict, escaped.
    """

    tree: str
    clean: bool
    conflicts: tuple[str, ...]


class History:
    """A repository's objects, and its refs.

    Attributes:
        place: How git is called for it, apart from any files.
        refs: Its refs.
    """

    def __init__(self, git: Git, common_dir: Path) -> None:
        self._git = git
        self.place = Place(git_dir=common_dir)
        self.refs = Refs(git, self.place)

    async def tree(self, commit: str) -> str:
        """Return a commit's tree."""
        return (await self._run("rev-parse", "--verify", f"{commit}^{{tree}}")).text

    async def parents(self, commit: str) -> tuple[str, ...]:
        """Return a commit's parents."""
        answer = await self._run("rev-list", "--no-walk", "--parents", commit, "--")
        return tuple(answer.text.split()[1:])

    async def write(self, tree: str, parents: tuple[str, ...], message: str) -> str:
        """Write a commit and return its id; no ref names it yet."""
        marked = [word for parent in parents for word in ("-p", parent)]
        answer = await self._run(
            "commit-tree", tree, *marked, "-F", "-", stdin=message.encode("utf-8", "replace")
        )
        return answer.text

    async def message(self, commit: str) -> str:
        """Return a commit's message."""
        answer = await self._run("cat-file", "commit", commit)
        return answer.out.decode("utf-8", "replace").partition("\n\n")[2]

    async def contains(self, commit: str, ancestor: str) -> bool:
        """Return whether `ancestor` is `commit` or one of its ancestors."""
        answer = await self._run(
            "merge-base", "--is-ancestor", ancestor, commit, accept=(0, 1, REFUSED)
        )
        if answer.code == REFUSED and await self.refs.resolve(commit) is None:
            raise WorkspaceException(
                message=f"there is no commit {commit}.", output=answer.error
            )
        # An ancestor that git does not have (any more) is an ancestor of nothing that it has.
        return answer.code == 0

    async def commits(self, since: str, until: str) -> tuple[Written, ...]:
        """Return the first parents from `until` back that `since` lacks, oldest first.

        None if git does not have (any more) what is asked for.
        """
        answer = await self._run(
            "log", "-z", "--first-parent", "--reverse", "--no-show-signature",
            "--format=%H %s", f"{since}..{until}", "--",
            accept=(0, REFUSED),
        )  # fmt: skip
        lines = (part.decode("utf-8", "replace").partition(" ") for part in answer.parts)
        return tuple(Written(commit=one, subject=one_line(line)) for one, _, line in lines)

    async def changes(self, old: str, new: str) -> tuple[FileChange, ...]:
        """Return what differs between two commits or trees."""
        return parse_changes(await self._run(*DIFF, old, new))

    async def merge(self, ours: str, theirs: str) -> Merge:
        """Return what a merge of two commits would be."""
        answer = await self._run(
            "merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", ours, theirs,
            accept=(0, 1),
        )  # fmt: skip
        tree, *paths = answer.parts
        names = tuple(sorted({escape_path(path) for path in paths if path}))
        return Merge(tree=tree.decode(), clean=answer.code == 0, conflicts=names)

    async def pick(self, commit: str, onto: str) -> Merge:
        """Return what one commit's own work would be on another commit.

        Raises:
            WorkspaceException: The commit has no parent, or more than one.
        """
        parents = await self.parents(commit)
        if len(parents) != 1:
            raise WorkspaceException(message=f"{commit} has {len(parents)} parents, not one.")
        # `merge-tree` finds the base by itself. Beside the commit, on its own parent, the tip's
        # tree has exactly that parent as base, even if the tip's history was rewritten.
        beside = await self.write(await self.tree(onto), parents, "Merged by Banksman")
        return await self.merge(beside, commit)

    async def _run(
        self, *args: str, stdin: bytes = b"", accept: tuple[int, ...] = (0,)
    ) -> Answer:
        return await self._git.run(self.place, *args, stdin=stdin, accept=accept)
