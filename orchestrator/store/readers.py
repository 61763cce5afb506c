"""Connections for reading, as many as threads read at once; each reading is one transaction."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

from orchestrator.store.session import Session


class Closable(Session, Protocol):
    """A connection in which one transaction is under way, or none."""

    def close(self) -> None: ...


C = TypeVar("C", bound=Closable)


class Readers(Generic[C]):
    """Of one database: `begin` opens a transaction, `told` turns its errors into errors for the operator."""

    def __init__(self, connect: Callable[[], C], begin: str, told: Callable[[], contextlib.AbstractContextManager[None]]) -> None:
        self._connect, self._begin, self._told = connect, begin, told
        self._free: list[C] = []  # append and pop are atomic

    @contextlib.contextmanager
    def reading(self) -> Iterator[C]:
        """One of them. Raises OrchestratorError."""
        with self._told():
            connection = self._begun()
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                connection.close()
                raise
            self._free.append(connection)

    def _begun(self) -> C:
        if (kept := self._taken()) is not None:
            try:
                kept.execute(self._begin)
            except Exception:  # a server may have gone and come back since: nothing was asked yet, so ask anew
                kept.close()
            else:
                return kept
        made = self._connect()
        try:
            made.execute(self._begin)
        except BaseException:
            made.close()
            raise
        return made

    def _taken(self) -> C | None:
        try:
            return self._free.pop()
        except IndexError:  # asked for, not looked at before: another thread may take the last one in between
            return None

    def close(self) -> None:
        """Close them all."""
        while (left := self._taken()) is not None:
            left.close()
