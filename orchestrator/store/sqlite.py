"""What is SQLite's: where the file is, how it is made and opened, how a transaction begins, what its errors mean."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec import Struct

from orchestrator.model import errors
from orchestrator.store import liveness, readers, session

BUSY_SECONDS = 30.0
PLAIN = re.compile(r"sqlite:///[\w./-]*\w")
"""URLs that say a path and nothing else, in its own words: most are."""
WRITER_BYTE = 120  # of the -shm file: locked by the one writer (sqlite: src/wal.c, WAL_WRITE_LOCK)


class Location(Struct, frozen=True):
    """The file of a store, absolute; and how many seconds to wait for another writer."""

    path: Path
    timeout: float = BUSY_SECONDS


def location(url: str) -> Location:
    """Where an URL points. Raises UsageError when that cannot be a store."""
    if PLAIN.fullmatch(url):
        return _location(url.removeprefix("sqlite:///"), BUSY_SECONDS, url)
    from orchestrator.store import urls  # late: hardly any URL needs it

    parts = urls.split(url, BUSY_SECONDS)
    if not parts.rest.startswith("/") or parts.rest in ("/", "/:memory:"):
        raise errors.UsageError("a store needs a file", url, "what is begun must be known after a crash", urls.HINT)
    if set(parts.options) - {"timeout"}:
        raise errors.UsageError("no store of this kind", url, "the one option is ?timeout=SECONDS", urls.HINT)
    if "\0" in parts.rest:
        raise errors.UsageError("no file can be called so", repr(url), "", urls.HINT)
    return _location(parts.rest[1:], parts.timeout, url)


def _location(path: str, timeout: float, shown: str) -> Location:
    try:
        return Location(Path(path).resolve(), timeout)  # by one name only: lock files go by it
    except (OSError, RuntimeError) as error:
        raise errors.UsageError("this path leads nowhere", shown, str(error), "name another") from error


def connect(place: Location) -> sqlite3.Connection:
    """A connection to the file: WAL, so that readers never wait; FULL, so that a commit outlives a power cut. Transactions are the caller's."""
    made = sqlite3.connect(place.path, place.timeout, isolation_level=None, check_same_thread=False)
    try:
        made.execute("PRAGMA journal_mode = WAL")
        made.execute("PRAGMA synchronous = FULL")
    except BaseException:
        made.close()
        raise
    return made


class SQLite:
    """Backend over one file: one connection writes, others read beside it."""

    tables = "SELECT name FROM sqlite_master WHERE type = 'table'"
    counters: tuple[str, ...] = ()  # it counts on from the highest that is there

    def __init__(self, place: Location) -> None:
        self.place, self._path, self.shown = place, place.path, str(place.path)
        self._file = identity(place.path)
        self.locks: session.Locks = liveness.Locks(place.path.with_name(f"{place.path.name}.runs"))
        self._readers = readers.Readers(lambda: connect(place), "BEGIN", self.told)
        self._writer: sqlite3.Connection | None = None
        self._turn = threading.Lock()  # among our threads; SQLite's own waiting sleeps up to 0.1 s at a time

    def told(self) -> contextlib.AbstractContextManager[None]:
        """See session."""
        return told(self._path)

    def reading(self) -> contextlib.AbstractContextManager[sqlite3.Connection]:
        """See session."""
        return self._readers.reading()

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """See session. It begins IMMEDIATE: one that reads first and wants to write later fails at once with "database is locked",
        whatever the timeout (measured).
        """
        if not self._path.exists() or identity(self._path) != self._file:
            why, hint = "what is written would be lost", "nothing was written; put the file back, then run again"
            raise errors.OrchestratorError("the store was taken away while it was in use", str(self._path), why, hint)
        with self._turn, told(self._path):
            connection = self._writing()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                self._undo(connection)
                raise

    def _writing(self) -> sqlite3.Connection:
        if self._writer is None:
            self._writer = connect(self.place)
            self._writer.execute("PRAGMA foreign_keys = ON")
        return self._writer

    def _undo(self, connection: sqlite3.Connection) -> None:
        try:
            if connection.in_transaction:  # a full disk has ended it already
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._writer = None
            connection.close()

    def close(self) -> None:
        """See session."""
        self._readers.close()
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def create(place: Location, token: str, fill: Callable[[Path], None]) -> None:
    """Make the file, readable by its owner alone. Raises OrchestratorError.

    It is filled under another name first: half a store is never seen, and when two make it at once the first one stays.
    """
    path = place.path
    _need_no_log(path)
    draft = path.with_name(f".{path.name}.{token}")
    with told(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            fill(draft)
            if log(draft).exists():  # folded into the file when the last connection closed, unless there was no room
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            sync(draft)
            with contextlib.suppress(FileExistsError):
                os.link(draft, path)
            sync(path.parent)
        finally:
            for file in (draft, log(draft), shared(draft)):
                file.unlink(missing_ok=True)


def _need_no_log(path: Path) -> None:
    """Refuse to make a store beside the log of one that was moved away, or deleted, without it: SQLite would read it into the new one."""
    with told(path):
        orphan = (
            log(path).exists() and log(path).stat().st_size > 0 and not path.exists()
        )  # of one that is made meanwhile the file is there first
    if orphan:
        hint = f"put that store back; or, to go on without it, move {log(path)} and {shared(path)} to where it is, and run again"
        raise errors.OrchestratorError("the log of a store that is not here", str(log(path)), "it has the store's last commits", hint)


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
        sync(copy)
    except BaseException:
        copy.unlink()
        raise


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
        hint = (
            "if it is your store, move it away, and what is called as it is and ends with -wal and -shm, then `orchestrator store restore` a backup;"
            " an empty store would forget the instances on the hosts"
        )
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


def sync(path: Path) -> None:
    """What was written to the file, or the names in the folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
