"""The Store port over a relational database, by plain SQL. What only writers need is imported with the first write."""

from __future__ import annotations

import getpass
import os
import platform
from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace

from orchestrator.model import errors
from orchestrator.model.host import Capacity
from orchestrator.model.instance import Record
from orchestrator.model.volume import VolumeRecord
from orchestrator.ports import clock as clocks
from orchestrator.ports.store import Ended, Event, OpenJob, Placement, Run, Snapshot
from orchestrator.ports.writes import Inherit, Resource, Undo, Write
from orchestrator.store import reading
from orchestrator.store.session import Backend, Session

POLL = 0.2  # seconds between two looks at who holds an instance


class Database:
    """A store in a database. Its methods may be called from several threads."""

    def __init__(self, backend: Backend, clock: clocks.Clock, ids: clocks.Ids) -> None:
        self._backend, self._clock, self._ids = backend, clock, ids
        self._known: reading.Known = {}
        with backend.reading() as db:
            self.lineage = reading.lineage(db)

    def begin(self, verb: str, names: Sequence[str], wait: float = 0) -> Run:
        """See ports.store."""
        from orchestrator.store import runs

        deadline = self._clock.monotonic() + wait
        run = Run(self._ids.uuid(), 0, verb, holder(), "")
        try:
            with self._backend.told():
                self._backend.locks.hold(run.id)
            while True:
                try:
                    with self._backend.writing() as db:
                        self._same(db)
                        return runs.begin(db, replace(run, started_at=self._clock.now()), names, self._backend.locks)
                except errors.LockHeld:
                    left = deadline - self._clock.monotonic()
                    if left <= 0:
                        raise
                self._clock.sleep(min(POLL, left))
        except BaseException:
            self._backend.locks.drop(run.id)
            raise

    def _same(self, db: Session) -> None:
        """Raises Conflict when another store was put in the place of the one that was opened."""
        if reading.lineage(db) != self.lineage:
            raise errors.Conflict("the store is another one now", self._backend.shown, "a backup was restored meanwhile", "run it again")

    def finish(self, run: Run, status: str, recap: str, outcomes: Sequence[Ended] | None = None) -> None:
        """See ports.store."""
        from orchestrator.store import runs

        with self._backend.writing() as db:
            runs.finish(db, replace(run, status=status, recap=recap, finished_at=self._clock.now()), outcomes)
        self._backend.locks.drop(run.id)

    def commit(self, run: Run, writes: Sequence[Write]) -> None:
        """See ports.store."""
        from orchestrator.store import commits

        with self._backend.writing() as db:
            commits.write(db, run, writes, self._clock.now())
        self.lineage = next((each.lineage for each in writes if isinstance(each, Inherit)), self.lineage)

    def place(self, run: Run, decide: Callable[[Snapshot], Sequence[Placement]]) -> tuple[Record, ...]:
        """See ports.store."""
        from orchestrator.store import instances, runs

        with self._backend.writing() as db:
            runs.running(db, run)
            seen = reading.snapshot(db, self._known)
            placements = decide(seen)
            runs.names(db, run, tuple(placement.instance.name for placement in placements))
            return instances.place(db, seen, placements, self._clock.now())

    def snapshot(self) -> Snapshot:
        """See ports.store."""
        with self._backend.reading() as db:
            return reading.snapshot(db, self._known)

    def records(self) -> tuple[Record, ...]:
        """See ports.store."""
        with self._backend.reading() as db:
            return reading.records(db, self._known)

    def volumes(self) -> tuple[VolumeRecord, ...]:
        """See ports.store."""
        with self._backend.reading() as db:
            return reading.volumes(db)

    def undo(self, uuid: str) -> tuple[Undo, ...]:
        """See ports.store."""
        with self._backend.reading() as db:
            return reading.undo(db, uuid)

    def failed_builds(self) -> Mapping[str, int]:
        """See ports.store."""
        return {each.name: int(each.body) for each in self.resources(reading.FAILED_BUILDS)}

    def open_jobs(self) -> tuple[OpenJob, ...]:
        """See ports.store."""
        with self._backend.reading() as db:
            return reading.open_jobs(db)

    def knows(self, job: str) -> bool:
        """See ports.store."""
        with self._backend.reading() as db:
            return reading.knows(db, job)

    def epoch(self) -> int:
        """See ports.store."""
        with self._backend.reading() as db:
            return reading.epoch(db)

    def capacities(self) -> Mapping[str, Capacity]:
        """See ports.store."""
        with self._backend.reading() as db:
            return reading.capacities(db)

    def resources(self, kind: str) -> tuple[Resource, ...]:
        """See ports.store."""
        with self._backend.reading() as db:
            return reading.resources(db, kind)

    def events(self, name: str) -> tuple[Event, ...]:
        """See ports.store."""
        with self._backend.reading() as db:
            return reading.events(db, name)

    def runs(self) -> tuple[Run, ...]:
        """See ports.store. A run whose process died reads `abandoned` at once, not only after another took over."""
        with self._backend.reading() as db:
            dead = {run.id for run in reading.runs(db) if run.status == "running" and not self._backend.locks.alive(run.id)}
        with self._backend.reading() as db:  # again: it may have finished between our reading of it and our look at it
            found = reading.runs(db)
        lost = {run.id for run in found if run.status == "running"} & dead
        return tuple(replace(run, status="abandoned") if run.id in lost else run for run in found)

    def outcomes(self, run: str) -> tuple[Ended, ...] | None:
        """See ports.store."""
        with self._backend.reading() as db:
            return reading.outcomes(db, run)

    def close(self) -> None:
        """See ports.store. Runs not finished are as those of a process that died."""
        self._backend.locks.close()
        self._backend.close()


def holder() -> str:
    """Who runs this process: user@machine pid N."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # no such user, as in some containers
        user = f"uid {os.getuid()}"
    return f"{user}@{platform.node()} pid {os.getpid()}"
