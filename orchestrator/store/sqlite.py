"""What is SQLite's: where the file is, how it is made and opened, how a transaction begins, what its errors mean."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from orchestrator.model import errors

if TYPE_CHECKING:  # it takes 0.2 s, and who only reads needs none of it
    from sqlalchemy import Connection, Engine

BUSY_SECONDS = 30.0
PLAIN = re.compile(r"sqlite:///[\w./-]*\w")
"""URLs that say a path and nothing else, in its own words: most are."""
WRITER_BYTE = 120  # of the -shm file: locked by the one writer (sqlite: src/wal.c, WAL_WRITE_LOCK)


@dataclass(frozen=True, slots=True)
class Location:
    """The file of a store, absolute; and how many seconds to wait for another writer."""

    path: Path
    timeout: float = BUSY_SECONDS


def location(url: str) -> Location:
    """Where an URL points. Raises UsageError when that cannot be a store."""
    if PLAIN.fullmatch(str(url)):
        return _location(str(url).removeprefix("sqlite:///"), BUSY_SECONDS, str(url))
    import sqlalchemy
    from sqlalchemy import exc

    hint = "write sqlite:////absolute/path or sqlite:///relative/path"
    try:
        parsed = sqlalchemy.make_url(url)
        timeout = float(str(parsed.query.get("timeout", BUSY_SECONDS)))
    except (exc.ArgumentError, ValueError) as error:
        raise errors.UsageError("not the URL of a store", str(url), "", hint) from error
    shown = parsed.render_as_string(hide_password=True)
    if parsed.drivername != "sqlite" or set(parsed.query) - {"timeout"} or not timeout >= 0:
        why = "stores are SQLite files; the one option is ?timeout=SECONDS"
        raise errors.UsageError("no store of this kind", shown, why, hint)
    if parsed.database in (None, "", ":memory:"):
        raise errors.UsageError("a store needs a file", shown, "what is begun must be known after a crash", hint)
    if "\0" in str(parsed.database):
        raise errors.UsageError("no file can be called so", repr(shown), "", hint)
    return _location(str(parsed.database), timeout, shown)


def _location(path: str, timeout: float, shown: str) -> Location:
    try:
        return Location(Path(path).resolve(), timeout)  # by one name only: lock files go by it
    except (OSError, RuntimeError) as error:
        raise errors.UsageError("this path leads nowhere", shown, str(error), "name another") from error


def engine(place: Location, foreign_keys: bool = True) -> Engine:
    """Connections to the file: WAL, so that readers never wait; FULL, so that a commit outlives a power cut.

    With the execution option `writes` a transaction begins IMMEDIATE: one that reads first and wants to write later
    fails at once with "database is locked", whatever the timeout (measured).
    """
    import sqlalchemy
    from sqlalchemy import event

    made = sqlalchemy.create_engine(
        sqlalchemy.URL.create("sqlite", database=str(place.path)),
        connect_args={"timeout": place.timeout, "isolation_level": None},  # None: BEGIN is ours, below
        max_overflow=-1,
    )

    @event.listens_for(made, "connect")
    def settle(connection: sqlite3.Connection, _: Any) -> None:
        _settle(connection)
        connection.execute(f"PRAGMA foreign_keys = {int(foreign_keys)}")

    @event.listens_for(made, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")

    return made


def _settle(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")


def driver(connection: Connection) -> sqlite3.Connection:
    """What SQLAlchemy's connection talks to: what is read there is of its transaction."""
    return cast(sqlite3.Connection, connection.connection.driver_connection)


class Readers:
    """Connections for reading, as many as threads read at once; each reading is one transaction."""

    def __init__(self, place: Location) -> None:
        self._place = place
        self._free: list[sqlite3.Connection] = []  # append and pop are atomic

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One of them. Raises OrchestratorError."""
        with told(self._place.path):
            connection = self._taken() or self._open()
            try:
                connection.execute("BEGIN")
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                connection.close()
                raise
            self._free.append(connection)

    def _taken(self) -> sqlite3.Connection | None:
        try:
            return self._free.pop()
        except IndexError:  # asked for, not looked at before: another thread may take the last one in between
            return None

    def _open(self) -> sqlite3.Connection:
        made = sqlite3.connect(self._place.path, self._place.timeout, isolation_level=None, check_same_thread=False)
        try:
            _settle(made)
        except BaseException:
            made.close()
            raise
        return made

    def close(self) -> None:
        """Close them all."""
        while (left := self._taken()) is not None:
            left.close()


def create(place: Location, token: str, fill: Callable[[Connection], None]) -> None:
    """Make the file, readable by its owner alone. Raises OrchestratorError.

    It is filled under another name first: half a store is never seen, and when two make it at once the first one stays.
    """
    path = place.path
    draft = path.with_name(f".{path.name}.{token}")
    with told(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            _fill(draft, fill)
            with contextlib.suppress(FileExistsError):
                os.link(draft, path)
            _sync(path.parent)
        finally:
            for file in (draft, log(draft), shared(draft)):
                file.unlink(missing_ok=True)


def _fill(draft: Path, fill: Callable[[Connection], None]) -> None:
    made = engine(Location(draft))
    try:
        with made.begin() as connection:
            fill(connection)
    finally:
        made.dispose()
    if log(draft).exists():  # folded into the file when the last connection closed, unless there was no room
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    _sync(draft)


def log(path: Path) -> Path:
    """The write-ahead log beside a store."""
    return path.with_name(f"{path.name}-wal")


def shared(path: Path) -> Path:
    """The index of the log, shared by the processes that use a store."""
    return path.with_name(f"{path.name}-shm")


def backup(place: Location, copy: Path) -> None:
    """Write a consistent copy of the store, readable by its owner alone."""
    os.close(os.open(copy, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600))  # VACUUM INTO takes an empty file as it is
    try:
        with contextlib.closing(sqlite3.connect(place.path, timeout=place.timeout)) as connection:
            connection.execute("VACUUM INTO ?", (str(copy),))
        _sync(copy)
    except BaseException:
        copy.unlink()
        raise


def dangling(connection: Connection) -> str | None:
    """A table with a row that refers to what is not there; for transactions without foreign keys."""
    row = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    return None if row is None else str(row[0])


def identity(path: Path) -> tuple[int, int]:
    """Which file that is, whatever it is called: SQLite goes on writing to one that was deleted. Raises OrchestratorError."""
    with told(path):
        stat = path.stat()
    return stat.st_dev, stat.st_ino


@contextlib.contextmanager
def told(path: Path) -> Iterator[None]:
    """Turns errors of the database and the file system into errors for the operator; nothing was written then."""
    try:
        yield
    except Exception as error:
        cause = getattr(error, "orig", None) or error  # SQLAlchemy's errors hold the driver's
        if isinstance(cause, sqlite3.Error | OSError):
            raise _meaning(path, cause) from error
        raise


def _meaning(path: Path, error: BaseException | None) -> errors.OrchestratorError:
    code = getattr(error, "sqlite_errorname", "")
    where, why = str(path), f"{error} ({code})" if code else str(error)
    if code.startswith("SQLITE_BUSY"):
        hint = "wait for it to end and run again; nothing was written"
        return errors.LockHeld("database busy", where, _writer(path), hint)
    if code in ("SQLITE_FULL", "SQLITE_IOERR_SHMSIZE") or getattr(error, "errno", None) == errno.ENOSPC:
        hint = f"make room on the disk of {path.parent} and run again; what was committed before is safe"
        return errors.OrchestratorError("no room for the store", where, why, hint)
    if code in ("SQLITE_NOTADB", "SQLITE_CORRUPT"):
        hint = "keep it, and put a backup in its place; an empty store would forget the instances on the hosts"
        return errors.OrchestratorError("not a store, or damaged", where, why, hint)
    if code.startswith("SQLITE_CONSTRAINT"):
        return errors.Conflict("this is recorded already, or belongs to something that is not", where, why)
    if code.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")) or isinstance(error, OSError):
        hint = f"see that {path.parent} is there and that you may write in it, or name another store with --state"
        return errors.OrchestratorError("the store cannot be opened for writing", where, why, hint)
    hint = f"see that the disk of {path.parent} is healthy and not full, then run again"
    return errors.OrchestratorError("the store cannot be used", where, why, hint)


def _writer(path: Path) -> str:
    """Who holds the write lock, as far as the kernel tells (proc_locks(5))."""
    with contextlib.suppress(OSError):
        inode = str(shared(path).stat().st_ino)
        for line in Path("/proc/locks").read_text().splitlines():
            words = line.split()
            if words[1] == "POSIX" and words[-3].endswith(f":{inode}") and words[-2:] == [str(WRITER_BYTE)] * 2:
                return f"pid {words[-4]} is writing to it"
    return "another process is writing to it"


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
