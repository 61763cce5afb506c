"""Where SQLAlchemy and alembic work: tables are made, and moved on from older schemas. Hardly any command imports it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import sqlalchemy
from sqlalchemy import Connection, event, insert, text

from orchestrator.store import reading, schema


class Engine:
    """Transactions that write, over connections that `connect` makes, as SQLAlchemy has them: of `sqlite` or `postgresql+psycopg`."""

    def __init__(self, dialect: str, connect: Callable[[], object]) -> None:
        self._engine = sqlalchemy.create_engine(f"{dialect}://", creator=connect)
        if dialect == "sqlite":
            event.listen(self._engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))

    def begin(self) -> AbstractContextManager[Connection]:
        """One of them: committed at the end, undone when anything is raised."""
        return self._engine.begin()

    def close(self) -> None:
        """Let go of connections."""
        self._engine.dispose()


def fill(connection: Connection, lineage: str) -> None:
    """The tables of a new store, as all migrations together would have made them."""
    schema.metadata.create_all(connection, checkfirst=False)
    connection.execute(insert(schema.version).values(version_num=reading.HEAD))
    connection.execute(insert(schema.meta).values(lineage=lineage, next_number=1, epoch=0, next_volume=1))


def recorded(connection: Connection) -> str | None:
    """The id of the last migration that the store went through."""
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def migrate(connection: Connection, scripts: Path | None = None, to: str = "head") -> None:
    """Run the migrations up to `to` in the connection's transaction."""
    from alembic import command, config  # late: who makes a new store needs none

    settings = config.Config()
    folder = str(scripts or Path(__file__).with_name("migrations"))
    settings.set_main_option("script_location", folder.replace("%", "%%"))
    settings.attributes["connection"] = connection
    command.upgrade(settings, to)


def dangling(connection: Connection) -> str | None:
    """A table with a row that refers to what is not there; for SQLite's transactions without foreign keys."""
    row = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    return None if row is None else str(row[0])


def file(path: Path, timeout: float) -> Callable[[], sqlite3.Connection]:
    """What connects to a file, without foreign keys: altering a table drops the old one, which would cascade."""
    from orchestrator.store import sqlite

    return lambda: sqlite.connect(sqlite.Location(path, timeout))
