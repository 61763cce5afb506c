"""From a URL to an open store: made when there is none, brought up to date when older, refused when newer."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.model import errors
from orchestrator.ports import clock as clocks
from orchestrator.store import database, reading, sqlite

if TYPE_CHECKING:
    from sqlalchemy import Connection


def store(url: str, clock: clocks.Clock, ids: clocks.Ids) -> database.Database:
    """See orchestrator.store.open."""
    place = sqlite.location(url)
    with sqlite.told(place.path):
        size = place.path.stat().st_size if place.path.exists() else None
    if size is None:
        sqlite.create(place, ids.uuid(), lambda connection: fill(connection, ids.uuid()))
    elif place.path.is_dir() or not size:
        what = "a folder, not a store" if place.path.is_dir() else "an empty file, not a store"
        hint = "name another with --state, or put a backup there (an empty file may be removed)"
        raise errors.OrchestratorError(what, str(place.path), "", hint)
    found = version(place)
    if found < reading.HEAD:
        upgrade(place, found)
    return database.Database(place, clock, ids)


def fill(connection: Connection, lineage: str) -> None:
    """The tables of a new store, as all migrations together would have made them."""
    from sqlalchemy import insert

    from orchestrator.store import schema

    schema.metadata.create_all(connection, checkfirst=False)
    connection.execute(insert(schema.version).values(version_num=reading.HEAD))
    connection.execute(insert(schema.meta).values(lineage=lineage, next_number=1, epoch=0, next_volume=1))


def version(place: sqlite.Location) -> str:
    """The schema of a store. Raises OrchestratorError for a newer one, or for what is none of ours."""
    with contextlib.closing(sqlite.Readers(place)) as readers, readers.reading() as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        ours = {"alembic_version", "meta", "ownership"} <= tables
        found = next((str(row[0]) for row in connection.execute("SELECT version_num FROM alembic_version")), None) if ours else None
    if found is None:
        what, hint = "a database of something else", "name another with --state"
        raise errors.OrchestratorError(what, str(place.path), "", hint)
    if found > reading.HEAD:
        why = f"its schema is {found}, this program knows up to {reading.HEAD}"
        hint = "use that one; nothing was changed"
        raise errors.OrchestratorError("the store of a newer orchestrator", str(place.path), why, hint)
    return found


def recorded(connection: Connection) -> str | None:
    """The id of the last migration that the store went through."""
    from sqlalchemy import text

    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def upgrade(place: sqlite.Location, found: str | None, scripts: Path | None = None) -> None:
    """Run the migrations after `found`, all or none. The store as it was is kept beside it as <store>.<schema>.

    Raises OrchestratorError.
    """
    from alembic import command, config  # late: hardly any run needs it

    settings = config.Config()
    folder = str(scripts or Path(__file__).with_name("migrations"))
    settings.set_main_option("script_location", folder.replace("%", "%%"))
    engine = sqlite.engine(place, foreign_keys=False)  # altering drops the old table, which would cascade
    try:
        with sqlite.told(place.path), engine.execution_options(writes=True).begin() as connection:
            if recorded(connection) != found:
                return  # another process was quicker
            sqlite.backup(place, place.path.with_name(f"{place.path.name}.{found}"))
            settings.attributes["connection"] = connection
            command.upgrade(settings, "head")
            if (table := sqlite.dangling(connection)) is not None:
                why, hint = f"rows of {table} refer to what is not there", "nothing was changed; please report this"
                raise errors.OrchestratorError("the store could not be upgraded", str(place.path), why, hint)
    finally:
        engine.dispose()
