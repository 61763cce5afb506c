"""What the tables hold, as values: plain SQL.

All functions work inside the caller's transaction, one that writes included. Each raises OrchestratorError for what this program cannot read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from orchestrator.commands.command import Action
from orchestrator.model.decision import Decision
from orchestrator.model.host import Capacity
from orchestrator.model.instance import Instance, Record
from orchestrator.model.volume import Attachment, Volume, VolumeRecord
from orchestrator.ports.store import Ended, Event, OpenJob, Run, Snapshot
from orchestrator.ports.writes import Resource, Undo
from orchestrator.store import rows
from orchestrator.store.session import Session

HEAD = "0003"
"""The newest file in migrations/versions; ids grow, so that a newer store is known by its id."""

Uuids = tuple[str, ...]
Lanes = tuple[tuple[str, tuple[str, ...]], ...]
Outcomes = tuple[Ended, ...]
Known = dict[str, tuple[str, str, Instance, Decision]]
"""What bodies and decisions of rows were read as, by uuid: what is still the same need not be made again."""

FAILED_BUILDS = "failed_builds"
"""Kind of the resources that count builds which hosts failed."""

RECORD = tuple(name for name in Record.__struct_fields__ if name != "instance")
DECISION = RECORD.index("decision")
VOLUME = tuple(name for name in VolumeRecord.__struct_fields__ if name != "volume")
BOOT = VOLUME.index("boot")


def lineage(connection: Session) -> str:
    """Which store it is."""
    return str(connection.execute("SELECT lineage FROM meta").fetchone()[0])


def records(connection: Session, known: Known) -> tuple[Record, ...]:
    """Every instance, by name."""
    return _records(connection, known, volumes(connection))


def _records(connection: Session, known: Known, there: Iterable[VolumeRecord]) -> tuple[Record, ...]:
    attached = _attachments(there)
    found = connection.execute(f"SELECT uuid, name, body, {', '.join(RECORD)} FROM instances ORDER BY name")  # noqa: S608  # our own columns
    return tuple(_record(known, attached, *columns) for columns in found)


def _record(known: Known, attached: Mapping[str, tuple[Attachment, ...]], uuid: str, name: str, text: str, *columns: Any) -> Record:
    instance, kept = _read(known, uuid, name, text, columns[DECISION])
    instance = replace(instance, volumes=attached[uuid]) if uuid in attached else instance
    values: list[Any] = list(columns)
    values[DECISION] = kept
    return Record(instance, *values)


def _read(known: Known, uuid: str, name: str, text: str, kept: str) -> tuple[Instance, Decision]:
    before = known.get(uuid)
    if before is not None and before[0] == text and before[1] == kept:
        return before[2:]
    made = rows.body(Instance, f"instance '{name}'", text), decision(kept)
    known[uuid] = text, kept, *made
    return made


def decision(stored: str) -> Decision:
    """As it was kept; an older program kept the sentence alone."""
    return rows.body(Decision, "a decision", stored) if stored.startswith("{") else Decision(why=stored)


def capacities(connection: Session) -> dict[str, Capacity]:
    """Hosts as last seen, by name."""
    found = connection.execute("SELECT name, body FROM hosts ORDER BY name")
    return {name: rows.body(Capacity, f"host '{name}'", text) for name, text in found}


def snapshot(connection: Session, known: Known) -> Snapshot:
    """What placement decides on."""
    number, volume = connection.execute("SELECT next_number, next_volume FROM meta").fetchone()
    there = volumes(connection)
    return Snapshot(_records(connection, known, there), number, capacities(connection), there, volume)


def volumes(connection: Session) -> tuple[VolumeRecord, ...]:
    """Every volume, by name."""
    found = connection.execute(f"SELECT name, body, {', '.join(VOLUME)} FROM volumes ORDER BY name")  # noqa: S608  # our own columns
    return tuple(_volume(*columns) for columns in found)


def _volume(name: str, text: str, *columns: Any) -> VolumeRecord:
    values: list[Any] = list(columns)
    values[BOOT] = bool(values[BOOT])  # SQLite has no type for it
    return VolumeRecord(rows.body(Volume, f"volume '{name}'", text), *values)


def _attachments(volumes: Iterable[VolumeRecord]) -> dict[str, tuple[Attachment, ...]]:
    """What each instance (by uuid) has of volumes, by device."""
    found: dict[str, list[Attachment]] = {}
    for record in volumes:
        if record.instance and record.attachment:
            found.setdefault(record.instance, []).append(record.attachment)
    return {uuid: tuple(sorted(each, key=lambda one: (len(one.device), one.device))) for uuid, each in found.items()}


def undo(connection: Session, uuid: str) -> tuple[Undo, ...]:
    """How to take back what was begun of the instance, in the order of its beginning."""
    found = connection.execute("SELECT step, actions FROM undo WHERE uuid = ? ORDER BY id", (uuid,))
    return tuple(Undo(step, rows.body(tuple[Action, ...], f"the undo of instance {uuid}", text)) for step, text in found)


def open_jobs(connection: Session) -> tuple[OpenJob, ...]:
    """Batches with an intent and no end, oldest first."""
    found = connection.execute("SELECT job, host, uuids, lanes, run FROM jobs WHERE ended_at IS NULL ORDER BY begun_at, job")
    return tuple(
        OpenJob(job, host, rows.body(Uuids, f"job {job}", uuids), rows.body(Lanes, f"job {job}", lanes), run)
        for job, host, uuids, lanes, run in found
    )


def knows(connection: Session, job: str) -> bool:
    """Whether the intent of this batch is there."""
    return connection.execute("SELECT job FROM jobs WHERE job = ?", (job,)).fetchone() is not None


def epoch(connection: Session) -> int:
    """Of the newest run."""
    return int(connection.execute("SELECT epoch FROM meta").fetchone()[0])


def resources(connection: Session, kind: str) -> tuple[Resource, ...]:
    """Those of a kind, by name."""
    found = connection.execute("SELECT kind, name, body FROM resources WHERE kind = ? ORDER BY name", (kind,))
    return tuple(Resource(*row) for row in found)


def events(connection: Session, name: str) -> tuple[Event, ...]:
    """What happened to the instance, oldest first."""
    columns = ", ".join(Event.__struct_fields__)
    found = connection.execute(f"SELECT {columns} FROM events WHERE name = ? ORDER BY id", (name,))  # noqa: S608  # our own columns
    return tuple(Event(*row) for row in found)


def outcomes(connection: Session, run: str) -> tuple[Ended, ...] | None:
    """What became of what the run changed or could not change; None when that is not known."""
    found = connection.execute("SELECT outcomes FROM runs WHERE id = ?", (run,)).fetchone()
    return rows.body(Outcomes, f"run {run}", found[0]) if found and found[0] is not None else None


def runs(connection: Session) -> Sequence[Run]:
    """As they are recorded, the newest first."""
    return [Run(*row) for row in connection.execute(f"SELECT {', '.join(Run.__struct_fields__)} FROM runs ORDER BY epoch DESC")]  # noqa: S608  # ours
