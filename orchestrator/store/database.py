"""The Store port over a relational database: read by plain SQL, written by SQLAlchemy, which is imported with the first write."""

from __future__ import annotations

import contextlib
import getpass
import os
import platform
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from orchestrator.model import errors
from orchestrator.model.host import Capacity
from orchestrator.model.instance import Record
from orchestrator.model.volume import VolumeRecord
from orchestrator.ports import clock as clocks
from orchestrator.ports.store import Ended, Event, OpenJob, Placement, Run, Snapshot
from orchestrator.ports.writes import Resource, Undo, Write
from orchestrator.store import liveness, reading, sqlite

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

POLL = 0.2  # seconds between two looks at who holds an instance


class Database:
    """A store in a file. Its methods may be called from several threads."""

    def __init__(self, place: sqlite.Location, clock: clocks.Clock, ids: clocks.Ids) -> None:
        path = place.path
        self._place, self._path, self._clock, self._ids = place, path, clock, ids
        self._readers = sqlite.Readers(place)
        self._locks = liveness.Locks(path.with_name(f"{path.name}.runs"))
        self._file = sqlite.identity(path)
        self._known: reading.Known = {}
        self._turn = threading.Lock()  # among our threads; SQLite's own waiting sleeps up to 0.1 s at a time
        with self._readers.reading() as connection:
            self.lineage = reading.lineage(connection)

    @cached_property
    def _engine(self) -> Engine:
        return sqlite.engine(self._place)

    def begin(self, verb: str, names: Sequence[str], wait: float = 0) -> Run:
        """See ports.store."""
        from orchestrator.store import runs

        deadline = self._clock.monotonic() + wait
        run = Run(self._ids.uuid(), 0, verb, holder(), "")
        try:
            with sqlite.told(self._path):
                self._locks.hold(run.id)
            while True:
                try:
                    with self._writing() as connection:
                        return runs.begin(connection, replace(run, started_at=self._clock.now()), names, self._locks)
                except errors.LockHeld:
                    left = deadline - self._clock.monotonic()
                    if left <= 0:
                        raise
                self._clock.sleep(min(POLL, left))
        except BaseException:
            self._locks.drop(run.id)
            raise

    def finish(self, run: Run, status: str, recap: str, outcomes: Sequence[Ended] | None = None) -> None:
        """See ports.store."""
        from orchestrator.store import runs

        with self._writing() as connection:
            runs.finish(connection, replace(run, status=status, recap=recap, finished_at=self._clock.now()), outcomes)
        self._locks.drop(run.id)

    def commit(self, run: Run, writes: Sequence[Write]) -> None:
        """See ports.store."""
        from orchestrator.store import commits

        with self._writing() as connection:
            commits.write(connection, run, writes, self._clock.now())

    def place(self, run: Run, decide: Callable[[Snapshot], Sequence[Placement]]) -> tuple[Record, ...]:
        """See ports.store."""
        from orchestrator.store import instances, runs

        with self._writing() as connection:
            runs.running(connection, run)
            seen = reading.snapshot(sqlite.driver(connection), self._known)
            placements = decide(seen)
            runs.names(connection, run, tuple(placement.instance.name for placement in placements))
            return instances.place(connection, seen, placements, self._clock.now())

    def snapshot(self) -> Snapshot:
        """See ports.store."""
        with self._readers.reading() as connection:
            return reading.snapshot(connection, self._known)

    def records(self) -> tuple[Record, ...]:
        """See ports.store."""
        with self._readers.reading() as connection:
            return reading.records(connection, self._known)

    def volumes(self) -> tuple[VolumeRecord, ...]:
        """See ports.store."""
        with self._readers.reading() as connection:
            return reading.volumes(connection)

    def undo(self, uuid: str) -> tuple[Undo, ...]:
        """See ports.store."""
        with self._readers.reading() as connection:
            return reading.undo(connection, uuid)

    def failed_builds(self) -> Mapping[str, int]:
        """See ports.store."""
        return {each.name: int(each.body) for each in self.resources(reading.FAILED_BUILDS)}

    def open_jobs(self) -> tuple[OpenJob, ...]:
        """See ports.store."""
        with self._readers.reading() as connection:
            return reading.open_jobs(connection)

    def capacities(self) -> Mapping[str, Capacity]:
        """See ports.store."""
        with self._readers.reading() as connection:
            return reading.capacities(connection)

    def resources(self, kind: str) -> tuple[Resource, ...]:
        """See ports.store."""
        with self._readers.reading() as connection:
            return reading.resources(connection, kind)

    def events(self, name: str) -> tuple[Event, ...]:
        """See ports.store."""
        with self._readers.reading() as connection:
            return reading.events(connection, name)

    def runs(self) -> tuple[Run, ...]:
        """See ports.store. A run whose process died reads `abandoned` at once, not only after another took over."""
        with self._readers.reading() as connection:
            dead = {run.id for run in reading.runs(connection) if run.status == "running" and not self._locks.alive(run.id)}
        with self._readers.reading() as connection:  # again: it may have finished between our reading of it and our look at it
            found = reading.runs(connection)
        lost = {run.id for run in found if run.status == "running"} & dead
        return tuple(replace(run, status="abandoned") if run.id in lost else run for run in found)

    def outcomes(self, run: str) -> tuple[Ended, ...] | None:
        """See ports.store."""
        with self._readers.reading() as connection:
            return reading.outcomes(connection, run)

    def close(self) -> None:
        """See ports.store. Runs not finished are as those of a process that died."""
        self._locks.close()
        self._readers.close()
        if "_engine" in self.__dict__:
            self._engine.dispose()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Connection]:
        if not self._path.exists() or sqlite.identity(self._path) != self._file:
            why, hint = "what is written would be lost", "nothing was written; put the file back, then run again"
            raise errors.OrchestratorError("the store was taken away while it was in use", str(self._path), why, hint)
        with self._turn, sqlite.told(self._path), self._engine.execution_options(writes=True).begin() as connection:
            yield connection


def holder() -> str:
    """Who runs this process: user@machine pid N."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # no such user, as in some containers
        user = f"uid {os.getuid()}"
    return f"{user}@{platform.node()} pid {os.getpid()}"
