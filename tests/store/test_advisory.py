"""Who lives, on a server: runs that begin at once, in threads of one process, share the one connection that says so."""

from __future__ import annotations

import contextlib
import threading
from concurrent import futures
from typing import Any

from orchestrator.store import advisory


class Server:
    """Connections that take their time to be made; what is locked is locked by one of them, and gone with it."""

    def __init__(self, count: int) -> None:
        self.together = threading.Barrier(count)
        self.made: list[Talk] = []

    def connect(self) -> Any:
        with contextlib.suppress(threading.BrokenBarrierError):  # nobody else connects meanwhile
            self.together.wait(0.2)
        self.made.append(Talk())
        return self.made[-1]


class Talk:
    def __init__(self) -> None:
        self.locked: set[int] = set()

    def execute(self, query: str, values: tuple[int]) -> Talk:
        if "try_advisory_lock" in query:
            self.locked.add(values[0])
        return self

    def fetchone(self) -> tuple[bool]:
        return (True,)


def test_runs_that_begin_at_once_are_held_by_one_connection() -> None:
    server = Server(3)
    locks = advisory.Locks(server.connect)
    with futures.ThreadPoolExecutor(3) as pool:
        list(pool.map(locks.hold, ("a", "b", "c")))
    assert [made.locked for made in server.made] == [{advisory.number(run) for run in "abc"}]
