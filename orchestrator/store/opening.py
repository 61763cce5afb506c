"""From a URL to an open store: made when there is none, brought up to date when older, refused when newer."""

from __future__ import annotations

import contextlib
from pathlib import Path

from orchestrator.model import errors
from orchestrator.ports import clock as clocks
from orchestrator.store import database, reading, sqlite


def store(url: str, clock: clocks.Clock, ids: clocks.Ids) -> database.Database:
    """See orchestrator.store.open."""
    place = locate(url)
    with sqlite.told(place.path):
        size = place.path.stat().st_size if place.path.exists() else None
    if size is None:
        sqlite.create(place, ids.uuid(), lambda draft: fill(draft, ids.uuid()))
    elif place.path.is_dir() or not size:
        what = "a folder, not a store" if place.path.is_dir() else "an empty file, not a store"
        hint = "name another with --state, or put a backup there (an empty file may be removed)"
        raise errors.OrchestratorError(what, str(place.path), "", hint)
    found = version(place)
    if found < reading.HEAD:
        upgrade(place, found)
    return database.Database(sqlite.SQLite(place), clock, ids)


def locate(url: str) -> sqlite.Location:
    """Where the store is. Raises UsageError for a URL that cannot be a store's."""
    if "://" in url and not url.startswith("sqlite://"):
        why = "stores are SQLite or PostgreSQL"
        raise errors.UsageError("no store of this kind", url.partition("://")[0], why, "write sqlite:////absolute/path")
    return sqlite.location(url)


def fill(draft: Path, lineage: str) -> None:
    """Make a new store of an empty file."""
    from orchestrator.store import migrating

    engine = migrating.engine("sqlite", migrating.file(draft, sqlite.BUSY_SECONDS))
    try:
        with engine.begin() as connection:
            migrating.fill(connection, lineage)
    finally:
        engine.dispose()


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


def upgrade(place: sqlite.Location, found: str | None, scripts: Path | None = None) -> None:
    """Run the migrations after `found`, all or none. The store as it was is kept beside it as <store>.<schema>.

    Raises OrchestratorError.
    """
    from orchestrator.store import migrating

    engine = migrating.engine("sqlite", migrating.file(place.path, place.timeout))
    try:
        with sqlite.told(place.path), engine.begin() as connection:
            if migrating.recorded(connection) != found:
                return  # another process was quicker
            sqlite.backup(place, place.path.with_name(f"{place.path.name}.{found}"))
            migrating.migrate(connection, scripts)
            if (table := migrating.dangling(connection)) is not None:
                why, hint = f"rows of {table} refer to what is not there", "nothing was changed; please report this"
                raise errors.OrchestratorError("the store could not be upgraded", str(place.path), why, hint)
    finally:
        engine.dispose()
