"""A store as one file that any database takes: an SQLite store with its key and where it came from in it. All functions work inside the caller's transactions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from orchestrator.store import session
from orchestrator.store.session import Session

TABLES = ("meta", "runs", "ownership", "instances", "ports", "addresses", "volumes", "undo", "jobs", "events", "hosts", "resources")
"""Each after those that it refers to; all but the schema's own number."""
BOOLEANS = {("volumes", "boot")}
"""SQLite has no type for them."""
MAKE = "CREATE TABLE backup (made_at VARCHAR NOT NULL, source VARCHAR NOT NULL, key BLOB)"


class Label(Struct, frozen=True):
    """What a backup says of itself. `key`: the one of the store's secrets, None when there was none yet."""

    made_at: str
    source: str
    key: bytes | None = None

    def __repr__(self) -> str:
        return f"{self.source} at {self.made_at}"


def label(db: Session, given: Label) -> None:
    """Make a store a backup."""
    db.execute(MAKE)
    db.execute("INSERT INTO backup VALUES (?, ?, ?)", (given.made_at, given.source, given.key))


def labelled(db: Session) -> Label:
    """What it says. Raises the database's error when it is none."""
    return Label(*db.execute("SELECT made_at, source, key FROM backup").fetchone())


def copy(source: Session, to: Session) -> None:
    """Put the rows of one store in the place of those of another; both have this program's schema."""
    for table in reversed(TABLES):
        to.execute(f"DELETE FROM {table}")  # noqa: S608  # our own words
    for table in TABLES:
        found = source.execute(f"SELECT * FROM {table}")  # noqa: S608  # our own words
        columns = [each[0] for each in found.description]
        truths = [number for number, column in enumerate(columns) if (table, column) in BOOLEANS]
        sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({session.marks(len(columns))})"  # noqa: S608  # our own words
        to.executemany(sql, _rows(found, truths))


def _rows(found: session.Rows, truths: list[int]) -> Iterator[tuple[Any, ...]]:
    for row in found:
        yield tuple(bool(value) if number in truths else session.plain(value) for number, value in enumerate(row))
