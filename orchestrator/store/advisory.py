"""Which runs live, on PostgreSQL: each holds an advisory lock of a session of its own; the server lets go when the process or its machine is gone."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Callable
from typing import Any

import psycopg

ALIVE = """
SELECT EXISTS (
    SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND ((classid::bigint << 32) | objid::bigint) = %s
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
)
"""


class Locks:
    """Locks named by run ids, over one connection, made when it is first needed. From several threads: a watch has a run for each host."""

    def __init__(self, connect: Callable[[], psycopg.Connection[Any]]) -> None:
        self._connect = connect
        self._connection: psycopg.Connection[Any] | None = None
        self._held: set[str] = set()
        self._turn = threading.RLock()  # of two connections that are made at once one would be lost, and with it what it holds

    def hold(self, run: str) -> None:
        """See session. Raises psycopg.Error."""
        with self._turn:
            self._ask("SELECT pg_try_advisory_lock(%s)", number(run))
            self._held.add(run)

    def alive(self, run: str) -> bool:
        """See session. Raises psycopg.Error."""
        return bool(self._ask(ALIVE, number(run)))

    def drop(self, run: str) -> None:
        """See session."""
        with self._turn:
            if run in self._held:
                self._held.discard(run)
                with contextlib.suppress(psycopg.Error):  # then the server has let go of it
                    self._ask("SELECT pg_advisory_unlock(%s)", number(run))

    def renew(self) -> None:
        """The server was gone, and with it what was held: hold it again. Who took a run over meanwhile has its instances, and this one writes no more."""
        if self._held:
            self.alive("")

    def close(self) -> None:
        """See session."""
        for run in tuple(self._held):  # the server notices a connection's end a little later
            self.drop(run)
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(self, query: str, value: int) -> object:
        with self._turn:
            for again in (True, False):
                try:
                    found = self._connected().execute(query, (value,)).fetchone()
                    return found and found[0]
                except psycopg.OperationalError:
                    if not again or self._connection is None:
                        raise
                    self._connection.close()
                    self._connection = None
            raise AssertionError

    def _connected(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            made = self._connect()
            for run in self._held:
                made.execute("SELECT pg_try_advisory_lock(%s)", (number(run),))
            self._connection = made
        return self._connection


def number(run: str) -> int:
    """The run as PostgreSQL names a lock: 64 bits with a sign."""
    return int.from_bytes(hashlib.sha256(run.encode()).digest()[:8], "big", signed=True)
