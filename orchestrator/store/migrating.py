"""Where SQLAlchemy and alembic work: tables are made, and moved on from older schemas. Hardly any command imports it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import sqlalchemy
from alembic import command, config
from sqlalchemy import Connection, Engine, event, insert, text

from orchestrator.store import reading, schema


def engine(dialect: str, connect: Callable[[], object]) -> Engine:
    """Connections that `connect` makes, as SQLAlchemy has them: `sqlite` or `postgresql+psycopg`; transactions write."""
    made = sqlalchemy.create_engine(f"{dialect}://", creator=connect)
    if dialect == "sqlite":

        @event.listens_for(made, "begin")
        def begin(connection: Connection) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return made


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
