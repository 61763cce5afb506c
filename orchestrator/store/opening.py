"""From a URL to an open store: made when there is none, brought up to date when older, refused when newer."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.model import errors
from orchestrator.ports import clock as clocks
from orchestrator.store import database, reading, sqlite
from orchestrator.store.session import Backend, Session

if TYPE_CHECKING:
    from orchestrator.store import key, migrating, postgresql

SERVERS = ("postgresql", "postgres", "postgresql+psycopg")
"""Schemes of PostgreSQL's URLs: libpq's two, and SQLAlchemy's for the driver that is used."""
OURS = {"alembic_version", "meta", "ownership"}


def store(url: str, clock: clocks.Clock, ids: clocks.Ids) -> database.Database:
    """See orchestrator.store.open."""
    made = backend(url, ids.uuid)
    try:
        return database.Database(made, clock, ids)
    except BaseException:
        made.close()
        raise


def backend(url: str, identify: Callable[[], str]) -> Backend:
    """The database, with a store of this program's schema in it. A new one gets its id from `identify`. Raises OrchestratorError."""
    scheme = url.partition("://")[0]
    if scheme in SERVERS:
        return _postgresql(url, identify)
    if scheme != url and scheme != "sqlite":
        hint = "write sqlite:////absolute/path or postgresql://user@host/database"
        raise errors.UsageError("no store of this kind", f"{scheme}://", "stores are SQLite or PostgreSQL", hint)
    return _sqlite(sqlite.location(url), identify)


def _sqlite(place: sqlite.Location, identify: Callable[[], str]) -> Backend:
    with sqlite.told(place.path):
        size = place.path.stat().st_size if place.path.exists() else None
    if size is None:
        sqlite.create(place, identify(), lambda draft: fill(draft, identify()))
    elif place.path.is_dir() or not size:
        what = "a folder, not a store" if place.path.is_dir() else "an empty file, not a store"
        hint = "name another with --state, or put a backup there (an empty file may be removed)"
        raise errors.OrchestratorError(what, str(place.path), "", hint)
    made = sqlite.SQLite(place)
    _current(made, lambda found: upgrade(place, found))
    return made


def _server(url: str) -> postgresql.PostgreSQL:
    try:
        from orchestrator.store import postgresql
    except ImportError as error:
        hint = "pip install 'orchestrator[postgresql]'"
        raise errors.OrchestratorError("PostgreSQL needs the package psycopg", "", str(error), hint) from error
    return postgresql.PostgreSQL(postgresql.location(url), database.holder())


def _postgresql(url: str, identify: Callable[[], str]) -> Backend:
    made = _server(url)
    try:
        if not tables(made):
            _fill(made.place, identify())
        _current(made, lambda found: _upgrade(made.place, found))
    except BaseException:
        made.close()
        raise
    return made


def fill(draft: Path, lineage: str) -> None:
    """Make a new store of an empty file."""
    from orchestrator.store import migrating

    with contextlib.closing(migrating.Engine("sqlite", migrating.file(draft, sqlite.BUSY_SECONDS))) as engine, engine.begin() as connection:
        migrating.fill(connection, lineage)


def tables(made: Backend) -> set[str]:
    """The names of all tables there."""
    with made.reading() as db:
        return {str(name) for (name,) in db.execute(made.tables)}


def exists(url: str) -> bool:
    """Whether there is a store; none is made. Raises OrchestratorError for a URL or a database that cannot be a store's."""
    if url.partition("://")[0] not in SERVERS:
        return sqlite.location(url).path.exists()
    with contextlib.closing(_server(url)) as made:
        return bool(tables(made))


def version(made: Backend) -> str:
    """The schema of a store. Raises OrchestratorError for a newer one, or for what is none of ours."""
    with made.reading() as db:
        return schema(db, made.tables, made.shown)


def schema(db: Session, tables: str, shown: str) -> str:
    """As `version`, by the query that names the tables."""
    ours = {name for (name,) in db.execute(tables)} >= OURS
    found = next((str(row[0]) for row in db.execute("SELECT version_num FROM alembic_version")), None) if ours else None
    if found is None:
        what, hint = "a database of something else", "name another with --state"
        raise errors.OrchestratorError(what, shown, "", hint)
    if found > reading.HEAD:
        why = f"its schema is {found}, this program knows up to {reading.HEAD}"
        hint = "use that one; nothing was changed"
        raise errors.OrchestratorError("the store of a newer orchestrator", shown, why, hint)
    return found


def key_place(made: Backend, lineage: str, folder: Path | None) -> key.Place:
    """Where the key of a store lies: beside its file, or, of one on a server, in the operator's `folder`. Raises UsageError without one."""
    from orchestrator.store import key

    here = database.holder().partition(" ")[0]
    if isinstance(made, sqlite.SQLite):
        return key.Place(made.place.path.with_name(f"{made.place.path.name}.key"), here)
    if folder is None:
        raise errors.UsageError("no place for the key of the store's secrets", why="HOME is not set", hint="set it, or XDG_STATE_HOME")
    return key.Place(folder / f"{lineage}.key", here)


def _current(made: Backend, upgrade: Callable[[str], None]) -> None:
    found = version(made)
    if found < reading.HEAD:
        upgrade(found)


def upgrade(place: sqlite.Location, found: str | None, scripts: Path | None = None) -> None:
    """Run the migrations after `found`, all or none. The store as it was is kept beside it as <store>.<schema>.

    Raises OrchestratorError.
    """
    from orchestrator.store import migrating

    made = migrating.Engine("sqlite", migrating.file(place.path, place.timeout))
    with sqlite.told(place.path), contextlib.closing(made) as engine, engine.begin() as connection:
        if migrating.recorded(connection) != found:
            return  # another process was quicker
        sqlite.backup(place, place.path.with_name(f"{place.path.name}.{found}"))
        migrating.migrate(connection, scripts)
        if (table := migrating.dangling(connection)) is not None:
            why, hint = f"rows of {table} refer to what is not there", "nothing was changed; please report this"
            raise errors.OrchestratorError("the store could not be upgraded", str(place.path), why, hint)


def _fill(place: postgresql.Location, lineage: str) -> None:
    """Make a new store of an empty database; of two that do so at once the first one stays."""
    from orchestrator.store import migrating, postgresql

    with postgresql.told(place), contextlib.closing(_engine(place)) as engine, engine.begin() as connection:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({postgresql.MAKING})")
        if not connection.exec_driver_sql(postgresql.PostgreSQL.tables).first():
            migrating.fill(connection, lineage)


def _upgrade(place: postgresql.Location, found: str) -> None:
    """As `upgrade`; what keeps the store as it was is the server's own backup, or `store backup` by the older program."""
    from orchestrator.store import migrating, postgresql

    with postgresql.told(place), contextlib.closing(_engine(place)) as engine, engine.begin() as connection:
        connection.exec_driver_sql("LOCK TABLE meta IN EXCLUSIVE MODE")
        if migrating.recorded(connection) == found:
            migrating.migrate(connection)


def _engine(place: postgresql.Location) -> migrating.Engine:
    from orchestrator.store import migrating, postgresql

    return migrating.Engine("postgresql+psycopg", lambda: postgresql.connect(place, database.holder(), autocommit=False))
