"""The store: what is known and what was begun, kept through crashes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from orchestrator.model.decision import Decision
from orchestrator.model.host import Capacity
from orchestrator.model.instance import Instance, Record
from orchestrator.model.volume import Volume, VolumeRecord
from orchestrator.ports.writes import Resource, Undo, Write


class Run(Struct, frozen=True):
    """One run of a changing command. `epoch` grows with every run: the higher one owns. Times are ISO 8601, UTC."""

    id: str
    epoch: int
    verb: str
    holder: str  # who: user@machine pid N
    started_at: str
    finished_at: str | None = None
    status: str = "running"  # running | ok | failed | interrupted | abandoned (its process died)
    recap: str = ""


class Ended(Struct, frozen=True):
    """What became of one instance in a run, or, without a name, of what a host's instances share. `status` as the engine's Outcome has it."""

    name: str
    host: str
    state: str
    status: str
    fault: str = ""


class Placement(Struct, frozen=True):
    """An instance, decided: everything fixed, and why this host. `volumes` of the instance's that are new with it, or get their host by it.

    One that is recorded moves to another host: it is in ERROR, and nothing of it is left on the one that failed to build it.
    """

    instance: Instance
    wanted: str
    decision: Decision
    volumes: tuple[Volume, ...] = ()
    state: str = "BUILDING"  # or the state of rest that a guest was found in which somebody else built


class Snapshot(Struct, frozen=True):
    """What a placement decision sees, inside the transaction that will record it."""

    records: tuple[Record, ...]
    next_number: int  # of the next instance; numbers are never used twice
    capacities: Mapping[str, Capacity]
    volumes: tuple[VolumeRecord, ...] = ()
    next_volume: int = 1


class OpenJob(Struct, frozen=True):
    """A batch whose intent is recorded and whose end is not: it may have run, may be running, may never have been sent. `lanes` as in its Intent."""

    job: str
    host: str
    uuids: tuple[str, ...]
    lanes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    run: str = ""


class Event(Struct, frozen=True):
    """A line of an instance's history: a move of its machine, or a step of a state."""

    at: str
    run: str
    name: str  # of the instance
    kind: str  # move | step
    state: str  # for a move: source -> dest
    step: str  # for a move: the trigger
    host: str
    result: str
    command: str
    detail: str
    duration: int  # ms


class Store(Protocol):
    """All writes of a run go through `commit`; each call is one transaction, durable when it returns."""

    @property
    def lineage(self) -> str:
        """The store's own id, made once: the ownership mark on hosts carries it."""

    def begin(self, verb: str, names: Sequence[str], wait: float = 0) -> Run:
        """Open a run that owns the instances called `names`, with a new epoch. Names held by a run whose process died are taken over.

        Raises LockHeld (who, since when) when another living run owns one of them for longer than `wait` seconds.
        """

    def finish(self, run: Run, status: str, recap: str, outcomes: Sequence[Ended] | None = None) -> None:
        """Close the run and free what it owns. `outcomes`: of all that was not unchanged; None when it did not come to its end."""

    def commit(self, run: Run, writes: Sequence[Write]) -> None:
        """Write all or nothing. Raises LostOwnership when a newer run owns a touched instance, Conflict when a Move's source is not the present state."""

    def place(self, run: Run, decide: Callable[[Snapshot], Sequence[Placement]]) -> tuple[Record, ...]:
        """Run `decide` and record its placements, in one transaction, so that two runs never claim the same room, address or name.

        Its volumes become the instance's. One that is recorded already stays in ERROR, on its new host.

        Raises Conflict when a name, MAC address, fixed IP or volume is already taken; whatever `decide` raises.
        """

    def snapshot(self) -> Snapshot:
        """What a placement decision would see now, for a plan."""

    def records(self) -> tuple[Record, ...]:
        """Every instance, by name."""

    def volumes(self) -> tuple[VolumeRecord, ...]:
        """Every volume, by name."""

    def undo(self, uuid: str) -> tuple[Undo, ...]:
        """The kept undo of an instance, in the order its steps were begun."""

    def failed_builds(self) -> Mapping[str, int]:
        """By host, the builds that it failed since the last that it did not."""

    def open_jobs(self) -> tuple[OpenJob, ...]:
        """Batches with an intent and no end."""

    def knows(self, job: str) -> bool:
        """Whether a batch of this name was ever begun, ended or not."""

    def epoch(self) -> int:
        """Of the newest run; 0 before the first."""

    def capacities(self) -> Mapping[str, Capacity]:
        """Hosts as last seen, by name."""

    def resources(self, kind: str) -> tuple[Resource, ...]:
        """Recorded nouns of a kind, by name."""

    def events(self, name: str) -> tuple[Event, ...]:
        """History of the instances called so, oldest first."""

    def runs(self) -> tuple[Run, ...]:
        """All runs, newest first."""

    def outcomes(self, run: str) -> tuple[Ended, ...] | None:
        """What became of what the run of this id changed or could not change; None when that is not known."""

    def close(self) -> None:
        """Let go of files and connections."""
