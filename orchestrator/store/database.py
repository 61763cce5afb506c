"""The Store port over a relational database."""

from __future__ import annotations

import contextlib
import getpass
import os
import platform
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Connection, Engine, select

from orchestrator.commands.command import Action
from orchestrator.model import errors
from orchestrator.model.host import Capacity
from orchestrator.model.instance import Record
from orchestrator.model.volume import VolumeRecord
from orchestrator.ports import clock as clocks
from orchestrator.ports.store import Event, OpenJob, Placement, Run, Snapshot
from orchestrator.ports.writes import Resource, Undo, Write
from orchestrator.store import commits, instances, liveness, rows, runs, schema, sqlite, volumes

POLL = 0.2  # seconds between two looks at who holds an instance


class Database:
    """A store in the file `path`. Its methods may be called from several threads."""

    def __init__(self, path: Path, engine: Engine, clock: clocks.Clock, ids: clocks.Ids) -> None:
        self._path, self._engine, self._clock, self._ids = path, engine, clock, ids
        self._locks = liveness.Locks(path.with_name(f"{path.name}.runs"))
        self._file = sqlite.identity(path)
        self._known: instances.Known = {}
        self._turn = threading.Lock()  # among our threads; SQLite's own waiting sleeps up to 0.1 s at a time
        with self._reading() as connection:
            self.lineage = str(connection.execute(select(schema.meta.c.lineage)).scalar_one())

    def begin(self, verb: str, names: Sequence[str], wait: float = 0) -> Run:
        """See ports.store."""
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

    def finish(self, run: Run, status: str, recap: str) -> None:
        """See ports.store."""
        with self._writing() as connection:
            runs.finish(connection, replace(run, status=status, recap=recap, finished_at=self._clock.now()))
        self._locks.drop(run.id)

    def commit(self, run: Run, writes: Sequence[Write]) -> None:
        """See ports.store."""
        with self._writing() as connection:
            commits.write(connection, run, writes, self._clock.now())

    def place(self, run: Run, decide: Callable[[Snapshot], Sequence[Placement]]) -> tuple[Record, ...]:
        """See ports.store."""
        with self._writing() as connection:
            runs.running(connection, run)
            seen = instances.snapshot(connection, self._known)
            placements = decide(seen)
            runs.names(connection, run, tuple(placement.instance.name for placement in placements))
            return instances.place(connection, seen, placements, self._clock.now())

    def snapshot(self) -> Snapshot:
        """See ports.store."""
        with self._reading() as connection:
            return instances.snapshot(connection, self._known)

    def records(self) -> tuple[Record, ...]:
        """See ports.store."""
        with self._reading() as connection:
            return instances.records(connection, self._known)

    def volumes(self) -> tuple[VolumeRecord, ...]:
        """See ports.store."""
        with self._reading() as connection:
            return volumes.records(connection)

    def undo(self, uuid: str) -> tuple[Undo, ...]:
        """See ports.store."""
        table = schema.undo
        query = select(table.c.step, table.c.actions).where(table.c.uuid == uuid).order_by(table.c.id)
        what = f"the undo of instance {uuid}"
        with self._reading() as connection:
            found = connection.execute(query)
            return tuple(Undo(step, rows.body(tuple[Action, ...], what, text)) for step, text in found)

    def failed_builds(self) -> Mapping[str, int]:
        """See ports.store."""
        return {each.name: int(each.body) for each in self.resources(instances.FAILED_BUILDS)}

    def open_jobs(self) -> tuple[OpenJob, ...]:
        """See ports.store."""
        with self._reading() as connection:
            return commits.open_jobs(connection)

    def capacities(self) -> Mapping[str, Capacity]:
        """See ports.store."""
        with self._reading() as connection:
            return instances.capacities(connection)

    def resources(self, kind: str) -> tuple[Resource, ...]:
        """See ports.store."""
        table = schema.resources
        query = select(table.c.kind, table.c.name, table.c.body).where(table.c.kind == kind).order_by(table.c.name)
        with self._reading() as connection:
            return tuple(Resource(*row) for row in connection.execute(query))

    def events(self, name: str) -> tuple[Event, ...]:
        """See ports.store."""
        table = schema.events
        query = select(*(table.c[column] for column in Event.__slots__)).where(table.c.name == name)
        with self._reading() as connection:
            return tuple(Event(*row) for row in connection.execute(query.order_by(table.c.id)))

    def runs(self) -> tuple[Run, ...]:
        """See ports.store. A run whose process died reads `abandoned` at once, not only after another took over."""
        query = select(*runs.RUN).order_by(schema.runs.c.epoch.desc())
        with self._reading() as connection:
            dead = {row.id for row in connection.execute(query) if row.status == "running" and not self._locks.alive(row.id)}
        with self._reading() as connection:  # again: it may have finished between our reading of it and our look at it
            found = [Run(*row) for row in connection.execute(query)]
        lost = {run.id for run in found if run.status == "running"} & dead
        return tuple(replace(run, status="abandoned") if run.id in lost else run for run in found)

    def close(self) -> None:
        """See ports.store. Runs not finished are as those of a process that died."""
        self._locks.close()
        self._engine.dispose()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Connection]:
        if not self._path.exists() or sqlite.identity(self._path) != self._file:
            why, hint = "what is written would be lost", "nothing was written; put the file back, then run again"
            raise errors.OrchestratorError("the store was taken away while it was in use", str(self._path), why, hint)
        with self._turn, sqlite.told(self._path), self._engine.execution_options(writes=True).begin() as connection:
            yield connection

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Connection]:
        with sqlite.told(self._path), self._engine.connect() as connection:
            yield connection


def holder() -> str:
    """Who runs this process: user@machine pid N."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # no such user, as in some containers
        user = f"uid {os.getuid()}"
    return f"{user}@{platform.node()} pid {os.getpid()}"
