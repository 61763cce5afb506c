"""What is PostgreSQL's: where it is, how it is connected to, how transactions begin, what its errors mean."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

import psycopg
from msgspec import Struct
from psycopg import conninfo

from orchestrator.model import errors
from orchestrator.store import readers, session, urls

BUSY_SECONDS = 30.0
CONNECT_SECONDS = 10
MILLISECONDS = 1000
MAKING = 0x6F726368  # the advisory lock of who makes the tables: there is none yet to lock
KEPT_ALIVE = "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3 -c idle_session_timeout=0"
"""A machine that went without a word is gone for the server after 25 s, not after Linux's two hours; one that waits for hosts is not."""


class Location(Struct, frozen=True):
    """A database: `shown` without its password; and how many seconds to wait for another writer."""

    parameters: dict[str, str]
    shown: str
    timeout: float = BUSY_SECONDS

    def __repr__(self) -> str:
        return self.shown


def location(url: str) -> Location:
    """Where an URL points, in libpq's words: its options, PGPASSFILE, PGSERVICE and the like hold. Raises UsageError."""
    parts = urls.split(url, BUSY_SECONDS)
    path, _, query = url.partition("://")[2].partition("?")
    if path.count("@") > 1 or "@" in path.partition("/")[2]:  # libpq would take the rest of a password for a host's name, and tell it
        hint = "write @, / and : of users and passwords as %40, %2F and %3A"
        raise errors.UsageError("not the URL of a store", "postgresql://", "it has an @ that does not end who connects", hint)
    rest = "&".join(each for each in query.split("&") if each.partition("=")[0] != "timeout")
    try:
        found = {name: str(value) for name, value in conninfo.conninfo_to_dict(f"postgresql://{path}?{rest}").items()}
        if "\0" in urls.unquoted(url):
            raise psycopg.ProgrammingError
    except psycopg.Error:  # its text may hold what was taken for an option: a password
        hint = "write postgresql://user@host:port/database?option=value; options are libpq's, and timeout"
        raise errors.UsageError("not the URL of a store", "postgresql://", "libpq cannot read it", hint) from None
    user = f"{found['user']}@" if "user" in found else ""
    port = f":{found['port']}" if "port" in found else ""
    shown = f"postgresql://{user}{found.get('host', '')}{port}/{found.get('dbname', '')}"
    return Location(found, shown, parts.timeout)


def connect(place: Location, name: str, autocommit: bool = True) -> psycopg.Connection[Any]:
    """A connection that tells the server who it is: `name`. Raises psycopg.Error."""
    given = {"connect_timeout": CONNECT_SECONDS, **place.parameters, "client_encoding": "utf8", "application_name": name[:63]}
    given["options"] = f"{place.parameters.get('options', '')} {KEPT_ALIVE}".strip()
    return psycopg.connect(autocommit=autocommit, **cast(Any, given))


class Talk:
    """A connection as `session` has it: `?` for values."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> session.Rows:
        """See session."""
        return self.connection.execute(cast(Any, sql.replace("?", "%s")), tuple(map(session.plain, values)))

    def executemany(self, sql: str, values: Iterable[Sequence[Any]], /) -> None:
        """See session."""
        with self.connection.cursor() as cursor:
            cursor.executemany(cast(Any, sql.replace("?", "%s")), values)

    def close(self) -> None:
        """Let go of it: what was not committed is not done."""
        self.connection.close()


class PostgreSQL:
    """Backend over a database: one connection writes, others read beside it, one more says which runs live."""

    tables = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
    counters: tuple[str, ...] = (
        "SELECT setval(pg_get_serial_sequence('undo', 'id'), (SELECT coalesce(max(id), 0) + 1 FROM undo), false)",
        "SELECT setval(pg_get_serial_sequence('events', 'id'), (SELECT coalesce(max(id), 0) + 1 FROM events), false)",
    )

    def __init__(self, place: Location, name: str) -> None:
        from orchestrator.store import advisory

        self.place, self._name, self.shown = place, name, place.shown
        self._locks = advisory.Locks(lambda: connect(place, name))
        self.locks: session.Locks = self._locks
        self._readers = readers.Readers(self._connected, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", self.told)
        self._writer: Talk | None = None
        self._turn = threading.Lock()

    def told(self) -> contextlib.AbstractContextManager[None]:
        """See session."""
        return told(self.place)

    def reading(self) -> contextlib.AbstractContextManager[Talk]:
        """See session."""
        return self._readers.reading()

    @contextlib.contextmanager
    def writing(self) -> Iterator[Talk]:
        """See session. Writers take turns by a lock on one table, which readers do not meet."""
        with self._turn, self.told():
            talk = self._begun()
            try:
                yield talk
                talk.execute("COMMIT")
            except BaseException:
                self._undo(talk)
                raise

    def _connected(self) -> Talk:
        return Talk(connect(self.place, self._name))

    def _begun(self) -> Talk:
        kept, self._writer = self._writer, None
        if kept is not None:
            try:
                kept.execute("BEGIN")
            except psycopg.OperationalError:  # it has gone, and may have come back since: nothing was asked yet, so ask anew
                kept.close()
                self._locks.renew()
                kept = None
        if kept is None:
            kept = self._connected()
            kept.execute("BEGIN")
        self._writer = kept
        try:
            kept.execute(f"SET LOCAL lock_timeout = {max(1, round(self.place.timeout * MILLISECONDS))}")
            kept.execute("LOCK TABLE meta IN EXCLUSIVE MODE")
        except psycopg.errors.LockNotAvailable as error:
            self._undo(kept)
            hint = "wait for it to end and run again; nothing was written"
            raise errors.LockHeld("database busy", self.shown, self._other(), hint) from error
        except BaseException:
            self._undo(kept)
            raise
        return kept

    def _undo(self, talk: Talk) -> None:
        try:
            talk.execute("ROLLBACK")
        except psycopg.Error:
            self._writer = None
            talk.close()

    def _other(self) -> str:
        """Who holds the writers' lock."""
        query = (
            "SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid"
            " WHERE l.relation = 'meta'::regclass AND l.mode = 'ExclusiveLock' AND l.granted"
        )
        with contextlib.suppress(psycopg.Error), self.reading() as talk:
            if name := session.first(talk, query):
                return f"{name} is writing to it"
        return "another process is writing to it"

    def close(self) -> None:
        """See session."""
        self._readers.close()
        if self._writer is not None:
            self._writer.close()
            self._writer = None


@contextlib.contextmanager
def told(place: Location) -> Iterator[None]:
    """Turns the database's errors into errors for the operator."""
    try:
        yield
    except Exception as error:
        cause = getattr(error, "orig", None) or error  # SQLAlchemy's errors hold the driver's
        if isinstance(cause, psycopg.Error):
            raise _meaning(place.shown, cause) from None  # its context may hold how it was connected to
        raise


def _meaning(where: str, error: psycopg.Error) -> errors.OrchestratorError:
    lines = str(error).strip().splitlines()
    why, state = lines[0] if lines else type(error).__name__, error.sqlstate or ""
    if isinstance(error, psycopg.IntegrityError):
        return errors.Conflict("this is recorded already, or belongs to something that is not", where, " ".join(lines))
    if state == "55P03":
        return errors.LockHeld("database busy", where, why, "wait for it to end and run again; nothing was written")
    if state in ("53100", "53200"):
        return errors.OrchestratorError(
            "no room for the store", where, why, "make room on the server and run again; what was committed is safe"
        )
    if state in ("42501", "25006"):
        hint = "the user needs to create and write tables there, on the primary server"
        return errors.OrchestratorError("the store cannot be opened for writing", where, why, hint)
    if isinstance(error, psycopg.OperationalError):
        hint = "see that the server runs, takes this user and has connections left, then run the same command again: it goes on from what was committed"
        return errors.OrchestratorError("the database cannot be reached", where, " ".join(lines), hint)
    return errors.OrchestratorError("the store cannot be used", where, why, "see the server's log, then run again")
