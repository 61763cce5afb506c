"""What the room asks of a database: transactions of plain SQL with `?` for values, and who lives. A file each fulfils it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol


class Rows(Protocol):
    """What a statement gave: DB-API's cursor."""

    @property
    def rowcount(self) -> int: ...

    @property
    def description(self) -> Any: ...

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...

    def __iter__(self) -> Iterator[Any]: ...


class Session(Protocol):
    """One transaction. Its end is the business of who began it."""

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> Rows: ...

    def executemany(self, sql: str, values: Iterable[Sequence[Any]], /) -> object: ...


class Locks(Protocol):
    """Which runs live: what is held is let go however the process ends."""

    def hold(self, run: str) -> None:
        """Make the run live, before anyone can read of it: one that is read of and not held is dead."""

    def alive(self, run: str) -> bool:
        """Whether a process, this one included, holds the run."""

    def drop(self, run: str) -> None:
        """End the run's life, or clear away what a dead one left."""

    def close(self) -> None:
        """Let go of every run of this process."""


class Backend(Protocol):
    """A database. From several threads; each method raises OrchestratorError where the database cannot do it, and nothing was written then."""

    locks: Locks
    shown: str
    """Where it is, for the operator's eyes: without a password."""
    tables: str
    """The query that gives the names of all tables there."""
    counters: tuple[str, ...]
    """What makes it count on from rows that were put in with their numbers."""

    def told(self) -> AbstractContextManager[None]:
        """Turns errors of the database into errors for the operator."""

    def reading(self) -> AbstractContextManager[Session]:
        """A transaction that sees one moment and waits for nobody."""

    def writing(self) -> AbstractContextManager[Session]:
        """A transaction that no other writes beside; committed at the end, undone when anything is raised. Raises LockHeld."""

    def close(self) -> None:
        """Let go of connections."""


def marks(count: int) -> str:
    """Places for so many values: `?, ?, ?`."""
    return ", ".join("?" * count)


def insert(session: Session, table: str, *rows: Mapping[str, object]) -> None:
    """Add rows of the same columns. Table and columns are ours, never somebody's words."""
    if rows:
        sql = f"INSERT INTO {table} ({', '.join(rows[0])}) VALUES ({marks(len(rows[0]))})"  # noqa: S608  # our own words
        session.executemany(sql, [tuple(map(plain, row.values())) for row in rows])


def update(session: Session, table: str, values: Mapping[str, object], **where: object) -> int:
    """Set columns of the rows where all of `where` is so; how many that were."""
    wish, those = ", ".join(f"{name} = ?" for name in values), " AND ".join(f"{name} = ?" for name in where)
    sql = f"UPDATE {table} SET {wish} WHERE {those}"  # noqa: S608  # our own words
    return session.execute(sql, (*map(plain, values.values()), *where.values())).rowcount


def delete(session: Session, table: str, **where: object) -> int:
    """Remove the rows where all of `where` is so; how many that were."""
    sql = f"DELETE FROM {table} WHERE {' AND '.join(f'{name} = ?' for name in where)}"  # noqa: S608  # our own words
    return session.execute(sql, tuple(where.values())).rowcount


def first(session: Session, sql: str, *values: object) -> Any:
    """The first column of the first row; None without one."""
    row = session.execute(sql, values).fetchone()
    return None if row is None else row[0]


def plain(value: object) -> object:
    """Text of any origin, such as a command's output, as a database takes it: what UTF-8 cannot say, and NUL, is kept as an escape."""
    if not isinstance(value, str) or (value.isascii() and "\0" not in value):
        return value
    return value.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")
