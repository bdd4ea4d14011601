"""One transaction for all that one round of the engine hands in.

Coroutines call `commit` and wait; the engine calls `flush` once a round. If a piece of work
raises, or the commit fails, nothing of the round is written, the caches that listen to the
`StateManager` are thrown away, and each piece is tried once more by itself: so one refused
piece costs its neighbours nothing, and the fault is raised where it belongs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from banksman.exceptions import StoreException, StoreFullException
from banksman.ports import Transaction
from banksman.state.state_manager import StateManager

T = TypeVar("T")


class _Piece:
    """One piece of work and the future of whoever waits for it."""

    def __init__(self, work: Callable[[Transaction], object]) -> None:
        self.work = work
        self.future: asyncio.Future[object] = asyncio.get_running_loop().create_future()

    def succeed(self, answer: object) -> None:
        # Whoever waited may have been cancelled since; what was handed in is written anyway.
        if not self.future.done():
            self.future.set_result(answer)

    def fail(self, error: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(error)


class GroupCommit:
    """The engine's ledger (`banksman.orchestration.ledger.Ledger`).

    Attributes:
        handed_in: Set while something waits to be flushed, or someone else wants a round.
    """

    def __init__(self, state: StateManager) -> None:
        self._state = state
        self._pieces: list[_Piece] = []
        self.handed_in = asyncio.Event()

    async def commit(self, work: Callable[[Transaction], T]) -> T:
        """Return what `work` returned, once its transaction is committed."""
        piece = _Piece(work)
        self._pieces.append(piece)
        self.handed_in.set()
        # The future carries what this very `work` returned; the list forgets its type.
        return await piece.future  # type: ignore[return-value]  # as said above

    def flush(self, duties: Callable[[Transaction], T]) -> T:
        """Write what was handed in so far, then the engine's own duties; return their answer.

        Raises:
            StoreFullException: There is no room; the pieces wait for the next flush.
            StoreException: The store refuses even single pieces; nothing is lost, and the
                pieces that waited get the same error.
        """
        own = _Piece(duties)
        pieces, self._pieces = [*self._pieces, own], []
        self.handed_in.clear()
        if not self._together(pieces):
            broken = self._one_by_one(pieces)
            if broken is not None:
                own.future.exception()  # Looked at here, so that nobody misses it.
                raise broken
        return own.future.result()  # type: ignore[return-value]  # what `duties` returned

    def _together(self, pieces: list[_Piece]) -> bool:
        """Return whether all pieces were committed in one transaction."""
        try:
            with self._state.transaction() as tx:
                answers = [piece.work(tx) for piece in pieces]
        except StoreFullException:
            self._put_back(pieces)
            raise
        except Exception:  # noqa: BLE001 - raised again, from its own piece, by `_one_by_one`
            return False
        for piece, answer in zip(pieces, answers, strict=True):
            piece.succeed(answer)
        return True

    def _one_by_one(self, pieces: list[_Piece]) -> StoreException | None:
        """Try each piece alone; return the last error of a store that refuses even that."""
        broken: StoreException | None = None
        for at, piece in enumerate(pieces):
            try:
                with self._state.transaction() as tx:
                    answer = piece.work(tx)
            except StoreFullException:
                # Those before it are written, or were refused for reasons of their own.
                self._put_back(pieces[at:])
                raise
            except Exception as error:  # noqa: BLE001 - handed to the coroutine that waits
                piece.fail(error)
                broken = error if isinstance(error, StoreException) else broken
            else:
                piece.succeed(answer)
        return broken

    def _put_back(self, pieces: list[_Piece]) -> None:
        """Let pieces wait for the next flush; the last are the duties, which come with it."""
        self._pieces[:0] = pieces[:-1]
