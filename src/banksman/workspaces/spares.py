"""Spare worktrees: made ahead, and used again after a reset.

Writing the files is nearly all that a worktree costs, and the next one holds nearly the same
files. So a few are kept ready on the target's tip, and one that was used goes into quarantine
instead of the trash: what was made or touched in it is removed, and it is a spare again.

What an agent or a check did to a worktree is found by when files changed, which nobody can
forge, and by an index of ours, taken before anybody worked in it: a file that was touched is
written anew, whatever it contains. Of whatever is odd, a fresh worktree takes the place: a
spare is never worth a doubt.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

from banksman.core.names import one_line
from banksman.exceptions import WorkspaceException
from banksman.workspaces.git import Git, Place
from banksman.workspaces.layout import Layout, copy_index, folders, is_folder, write_atomically
from banksman.workspaces.locks import free, hold
from banksman.workspaces.rights import TO_DELETE, give_back
from banksman.workspaces.worktrees import Worktrees, in_thread

log = logging.getLogger(__name__)

_KNOWN: Final = frozenset(
    {"HEAD", "ORIG_HEAD", "commondir", "gitdir", "index", "locked", "logs"}
)
"""What git itself keeps of a worktree in which nobody gave it any other work."""


class _State(StrEnum):
    """Where a worktree is: lent to an attempt or check, in quarantine, or ready to be lent."""

    LENT = "lent"
    USED = "used"
    READY = "ready"


@dataclass(frozen=True, kw_only=True)
class _Card:
    """What is remembered of a worktree.

    Attributes:
        state: Where it is.
        commit: The commit that our index of it was taken at.
        since_ns: When that was, by the file system's clock: what changed later was touched.
    """

    state: _State
    commit: str
    since_ns: int


class Spares:
    """Lends worktrees and takes them back; a card and an index for each are in the state."""

    def __init__(self, git: Git, worktrees: Worktrees, layout: Layout, *, count: int) -> None:
        """Keep `count` of them ready; with 0, every worktree is made when it is needed."""
        self._git = git
        self._worktrees = worktrees
        self._layout = layout
        self._count = count
        self._folder = layout.root / "spares"
        self._cards = layout.state / "spares"
        for folder in (self._folder, self._cards):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def add(
        self, path: Path, commit: str, *, branch: str = "", held: tuple[int, ...]
    ) -> Place:
        """Return a worktree with the commit's files; see `Worktrees.add`."""
        place = await self._taken(path, commit, branch=branch, held=held)
        if place is None:
            place = await self._worktrees.add(path, commit, branch=branch, held=held)
        if self._count:
            await in_thread(self._remember, path.name, _State.LENT, place, commit)
        return place

    async def drop(self, path: Path) -> None:
        """Take a worktree away: into quarantine, or into the trash. Safe to repeat."""
        try:
            kept = is_folder(path) and await in_thread(self._put_aside, path)
        except OSError as error:
            log.info("spare.not_kept %s: %s", path.name, one_line(str(error)))
            kept = False
        if not kept:
            self._forget(path.name)
            await self._worktrees.drop(path)

    async def provide(self, commit: str) -> None:
        """Have spares ready on a commit: clean the used ones, make what is missing.

        Cancelling it leaves nothing half-made that could be lent. If none are wanted, all that
        are not lent go.
        """
        if not self._count:
            for state in (_State.USED, _State.READY):
                for name in self._named(state):
                    await self._discard(name)
        for name in self._named(_State.USED):
            await self._provided(name, commit)
        for name in self._named(_State.READY):
            card = self._card(name)
            if card is not None and card.commit != commit:
                await self._provided(name, commit)
        ready = list(self._named(_State.READY))
        for name in ready[self._count :]:
            await self._discard(name)
        for _ in range(self._count - len(ready)):
            await self._provided(self._new_name(), commit)

    async def sweep(self) -> None:
        """Remove what crashes left that is neither lent, used nor ready."""
        names = {path.name for path in folders(self._folder)}
        # A file that was being written begins with a dot.
        names |= {path.name.lstrip(".").partition(".")[0] for path in self._cards.iterdir()}
        for name in sorted(names):
            card = self._card(name)
            lent = card is not None and card.state is _State.LENT
            path = self._layout.folder(name) if lent else self._folder / name
            known = card is not None and self._worktrees.place(path) is not None
            if not (known and is_folder(path)) and free(self._lock(name)):
                await self._discard(name)

    async def _taken(
        self, path: Path, commit: str, *, branch: str, held: tuple[int, ...]
    ) -> Place | None:
        """Return a ready spare as the worktree at `path`, if there is one that is fit."""
        for name in self._named(_State.READY):
            # Whoever removes the card has it; a crash from here on leaves what is swept.
            with suppress(FileNotFoundError):
                self._card_file(name).unlink()
                try:
                    return await self._lent(name, path, commit, branch=branch, held=held)
                except (OSError, WorkspaceException) as error:
                    log.warning("spare.not_lent %s: %s", name, one_line(str(error)))
                    await self._discard(name)
                    await self._worktrees.drop(path)
        return None

    async def _lent(
        self, name: str, path: Path, commit: str, *, branch: str, held: tuple[int, ...]
    ) -> Place:
        self._worktrees.move(self._folder / name, path)
        self._forget(name)
        place = self._worktrees.place(path)
        assert place is not None, "it was just moved there"
        place = place.holding(*held)
        how = ("--no-track", "-B", branch) if branch else ("--detach",)
        await self._git.run(place, "checkout", "--quiet", "--force", *how, commit)
        return place

    def _put_aside(self, path: Path) -> bool:
        """Move a used worktree into quarantine; return whether it is worth keeping."""
        card = self._card(path.name)
        place = self._worktrees.place(path)
        waiting = sum(1 for state in (_State.USED, _State.READY) for _ in self._named(state))
        if card is None or place is None or waiting >= 2 * self._count or _is_odd(place):
            return False
        # Detached at once, or its branch would count as in use.
        write_atomically(place.git_dir / "HEAD", f"{card.commit}\n".encode())
        name = self._new_name()
        self._index(path.name).rename(self._index(name))
        self._write(name, replace(card, state=_State.USED))
        self._forget(path.name)
        self._worktrees.move(path, self._folder / name)
        return True

    async def _provided(self, name: str, commit: str) -> None:
        """Make one spare ready on a commit, from whatever it is."""
        async with hold(self._lock(name)) as lock:
            card = self._card(name)
            self._card_file(name).unlink(missing_ok=True)
            path = self._folder / name
            try:
                if card is None:
                    place = await self._worktrees.add(path, commit, held=(lock,))
                else:
                    place = await self._renewed(path, card, held=(lock,))
                    await self._git.run(place, "reset", "--quiet", "--hard", commit)
                await in_thread(self._remember, name, _State.READY, place, commit)
            except (OSError, WorkspaceException) as error:
                log.warning("spare.not_made %s: %s", name, one_line(str(error)))
                await self._discard(name)

    async def _renewed(self, path: Path, card: _Card, *, held: tuple[int, ...]) -> Place:
        """Return a used worktree as it was before anybody worked in it."""
        place = self._worktrees.place(path)
        if place is None or _is_odd(place):
            raise WorkspaceException(message="git's own files of it are not as they were.")
        place = place.holding(*held)
        await in_thread(give_back, path, TO_DELETE)
        await in_thread(_remove_touched, path, card.since_ns)
        copy_index(self._index(path.name), place.git_dir / "index")
        self._worktrees.sign(path)
        await self._git.run(place, "reset", "--quiet", "--hard", card.commit)
        await self._git.run(place, "clean", "-ffdxq")
        return place

    def _new_name(self) -> str:
        """Return the name of a new folder: whatever moves there takes its place."""
        return Path(tempfile.mkdtemp(prefix="spare-", dir=self._folder)).name

    async def _discard(self, name: str) -> None:
        self._forget(name)
        await self._worktrees.drop(self._folder / name)

    def _card_file(self, name: str) -> Path:
        return self._cards / f"{name}.json"

    def _index(self, name: str) -> Path:
        return self._cards / f"{name}.index"

    def _lock(self, name: str) -> Path:
        return self._cards / f"{name}.lock"

    def _named(self, state: _State) -> Iterator[str]:
        for path in sorted(self._cards.glob("[!.]*.json")):
            card = self._card(path.stem)
            if card is not None and card.state is state:
                yield path.stem

    def _card(self, name: str) -> _Card | None:
        with suppress(OSError, ValueError, TypeError, KeyError):
            fields = json.loads(self._card_file(name).read_bytes())
            return _Card(
                state=_State(fields["state"]),
                commit=fields["commit"],
                since_ns=fields["since_ns"],
            )
        return None

    def _remember(self, name: str, state: _State, place: Place, commit: str) -> None:  # noqa: PLR0917 - of which what
        """Write index and card of a worktree in which nobody has worked yet."""
        copy_index(place.git_dir / "index", self._index(name))
        since_ns = self._index(name).stat().st_ctime_ns
        self._write(name, _Card(state=state, commit=commit, since_ns=since_ns))

    def _write(self, name: str, card: _Card) -> None:
        write_atomically(self._card_file(name), json.dumps(asdict(card)).encode())

    def _forget(self, name: str) -> None:
        for path in (self._card_file(name), self._index(name)):
            path.unlink(missing_ok=True)
            path.with_name(f".{path.name}.new").unlink(missing_ok=True)
        self._lock(name).unlink(missing_ok=True)


def _is_odd(place: Place) -> bool:
    """Return whether something is among git's own files that it did not put there."""
    with os.scandir(place.git_dir) as entries:
        return any(entry.name not in _KNOWN or entry.is_symlink() for entry in entries)


def _remove_touched(root: Path, since_ns: int) -> None:
    """Remove all files and links that changed in any way at a time or later.

    What changed last in a file, its rights too, its `ctime` tells, which nobody can set. Git
    would compare whole seconds only, and not what is not executable about the rights.
    """
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)  # noqa: PTH118 - may be a hundred thousand
            if os.lstat(path).st_ctime_ns >= since_ns:
                os.unlink(path)  # noqa: PTH108 - the same
