"""Backups and restores: rows from one store to another, in one transaction each, whatever the databases."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

from orchestrator.model import errors
from orchestrator.ports import archive as ports
from orchestrator.ports import clock as clocks
from orchestrator.store import key, opening, portable, reading, session, sqlite
from orchestrator.store.session import Backend, Session


class Archive:
    """Archive port of the store at an URL. `place` tells where the key of an opened one lies."""

    def __init__(self, url: str, place: key.Where, clock: clocks.Clock, ids: clocks.Ids) -> None:
        self._url, self._place, self._clock, self._ids = url, place, clock, ids

    def show(self) -> ports.Summary:
        """See ports.archive."""
        with self._there() as store:
            return self._summary(store)

    def backup(self, file: Path, replace: bool = False) -> ports.Summary:
        """See ports.archive."""
        with self._there() as store:
            self._write(store, file, replace)
            return self._summary(store)

    def restore(self, file: Path) -> ports.Restored:
        """See ports.archive."""
        with _backup(file) as (rows, label), contextlib.closing(opening.backend(self._url, self._ids.uuid)) as store:
            kept = ""
            with store.writing() as db:
                self._idle(store, db)
                if session.first(db, "SELECT count(*) FROM runs"):
                    if not isinstance(store, sqlite.SQLite):
                        hint = "make an empty database and name that one with --state; or drop this one's tables, once it is in a backup"
                        raise errors.Conflict("there is a store already", store.shown, "its runs would be forgotten", hint)
                    kept = str(self._kept(store))
                portable.copy(rows, db)
                for count in store.counters:
                    db.execute(count)
                self._unlock(db, store, label, kept)
            return ports.Restored(self._summary(store), label.made_at, label.source, kept)

    @contextlib.contextmanager
    def _there(self) -> Iterator[Backend]:
        """The store, which is not made here."""
        if not opening.exists(self._url):
            raise errors.NotFound(
                "no store there",
                self._url.partition("?")[0] if self._url.startswith("sqlite") else "an empty database",
                "",
                "name one with --state",
            )
        with contextlib.closing(opening.backend(self._url, self._ids.uuid)) as store:
            yield store

    def _write(self, store: Backend, file: Path, replace: bool) -> None:
        with store.reading() as rows, _told(file):
            if isinstance(store, sqlite.SQLite) and file.exists() and file.samefile(store.place.path):
                raise errors.UsageError("this is the store itself", str(file), "", "name another file")
            if file.exists() and not replace:
                raise errors.Conflict("there is a file already", str(file), "", "name another, or give --yes to replace it")
            label = portable.Label(self._clock.now(), store.shown, self._key(store, rows))
            draft = file.absolute().with_name(f".{file.name}.{self._ids.uuid()}")
            os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            try:
                _fill(draft, rows, label)
                if replace:
                    draft.replace(file)
                else:
                    os.link(draft, file)
                sqlite.sync(file.absolute().parent)
            finally:
                for left in (draft, sqlite.log(draft), sqlite.shared(draft)):
                    left.unlink(missing_ok=True)

    def _key(self, store: Backend, db: Session) -> bytes | None:
        """The store's key. Raises OrchestratorError when it is not here, or another is: such a backup would be of no use."""
        place, known = self._place(store, reading.lineage(db)), key.recorded(db)
        if known is not None:
            return key.checked(place, *known)
        return key.read(place.path) if place.path.exists() else None

    def _idle(self, store: Backend, db: Session) -> None:
        """Raises LockHeld when a run lives; none can begin before the transaction has ended."""
        for run, holder, verb, since in db.execute("SELECT id, holder, verb, started_at FROM runs WHERE status = 'running'").fetchall():
            if store.locks.alive(run):
                hint = "wait for it to end; nothing was changed"
                raise errors.LockHeld("the store is in use", store.shown, f"{holder} runs '{verb}' since {since}", hint)

    def _aside(self, path: Path) -> Path:
        moment = self._clock.now().translate({ord(letter): None for letter in "-:."})
        return path.with_name(f"{path.name}.{moment}")

    def _kept(self, store: sqlite.SQLite) -> Path:
        """The store as it is, beside it: what the writer has not changed yet is what others read."""
        kept = self._aside(store.place.path)
        sqlite.backup(store.place, kept)
        return kept

    def _unlock(self, db: Session, store: Backend, label: portable.Label, kept: str) -> None:
        """Put the backup's key where this store's lies; another that is there is kept: as that of the store that is, where one is."""
        place = self._place(store, reading.lineage(db))
        if label.key is None:
            return
        with _told(place.path):
            if place.path.exists() and place.path.read_bytes() != label.key:
                place.path.rename(Path(f"{kept}.key") if kept else self._aside(place.path))
            key.write(place.path, label.key)
        key.record(db, place)

    def _summary(self, store: Backend) -> ports.Summary:
        with store.reading() as db:
            place = self._place(store, reading.lineage(db))
            counts = {table: int(session.first(db, f"SELECT count(*) FROM {table}")) for table in portable.TABLES[1:]}  # noqa: S608  # ours
            schema = str(session.first(db, "SELECT version_num FROM alembic_version"))
            known = key.recorded(db)
            return ports.Summary(store.shown, reading.lineage(db), schema, reading.epoch(db), str(place.path), _state(known, place), counts)


def _fill(draft: Path, rows: Session, label: portable.Label) -> None:
    opening.fill(draft, "")
    with contextlib.closing(sqlite3.connect(draft, isolation_level=None)) as made:
        made.execute("BEGIN")
        portable.copy(rows, made)
        portable.label(made, label)
        made.execute("COMMIT")
        made.execute("PRAGMA journal_mode = DELETE")  # one file, and nothing beside it
    sqlite.sync(draft)


def _state(known: tuple[str, str] | None, place: key.Place) -> str:
    if not place.path.exists():
        return "missing" if known else "none"
    return "there" if known is None or key.digest(key.read(place.path)) == known[0] else "another"


@contextlib.contextmanager
def _backup(file: Path) -> Iterator[tuple[Session, portable.Label]]:
    """The rows of a backup, by this program's schema, and what it says of itself. Raises OrchestratorError for what is none."""
    hint = "name a file that `orchestrator store backup` wrote"
    if not file.is_file():
        raise errors.NotFound("no backup there", str(file), "", hint)
    with sqlite.told(file), _reader(file) as db:
        if not {*opening.OURS, "backup"} <= {name for (name,) in db.execute(sqlite.SQLite.tables)}:
            raise errors.OrchestratorError("not a backup", str(file), "", hint)
        if db.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            raise errors.OrchestratorError("a damaged backup", str(file), "", "name another")
        found, label = opening.schema(db, sqlite.SQLite.tables, str(file)), portable.labelled(db)
        if found == reading.HEAD:
            yield db, label
            return
    with tempfile.TemporaryDirectory() as folder:  # readable by us alone
        place = sqlite.Location(Path(shutil.copyfile(file, Path(folder) / "older.db")))
        opening.upgrade(place, found)
        with _reader(place.path) as db:
            yield db, label


def _reader(file: Path) -> contextlib.closing[sqlite3.Connection]:
    return contextlib.closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None))


@contextlib.contextmanager
def _told(file: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        hint = f"see that {file.absolute().parent} is there, that you may write in it and that there is room"
        raise errors.OrchestratorError(
            "this file cannot be written", str(file), getattr(error, "strerror", None) or str(error), hint
        ) from error
