"""What `commit` does for each kind of write, inside one write transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct, field

from orchestrator.commands.command import Action
from orchestrator.model import errors
from orchestrator.model.host import Capacity
from orchestrator.ports import writes
from orchestrator.ports.store import Run
from orchestrator.store import codec, instances, meta, reading, rows, runs, session, volumes
from orchestrator.store.session import Session


def write(db: Session, run: Run, batch: Sequence[writes.Write], at: str) -> None:
    """Write the batch in its order. Raises LostOwnership, Conflict."""
    entry = Entry(db, run, at, runs.owned(db, run, _touched(batch)))
    for one in batch:
        entry.take(one)
    session.insert(db, "events", *entry.events)


def _touched(batch: Iterable[writes.Write]) -> tuple[str, ...]:
    uuids: dict[str, None] = {}
    for one in batch:
        match one:
            case writes.Move() | writes.Step() | writes.Want() | writes.Remove():
                uuids[one.uuid] = None
            case writes.Amend():
                uuids[one.instance.uuid] = None
            case writes.Intent():
                uuids |= dict.fromkeys((*one.uuids, *one.undo))
    return tuple(uuids)


class Entry(Struct, frozen=True):
    """One commit under way: `subjects` are the instances it touches, `events` the lines that it adds to their history."""

    db: Session
    run: Run
    at: str
    subjects: Mapping[str, runs.Subject]
    events: list[dict[str, object]] = field(default_factory=list)

    def take(self, one: writes.Write) -> None:
        """Write one of the batch."""
        match one:
            case writes.Move():
                self._move(one)
            case writes.Step():
                self._event("step", one)
            case writes.Intent() | writes.Settle():
                self._job(one)
            case writes.Outlive() | writes.Inherit():
                meta.write(self.db, one)
            case writes.Want() | writes.Amend():
                instances.change(self.db, one, self.at)
            case writes.Remove():
                session.delete(self.db, "instances", uuid=one.uuid)  # ports, addresses and undo go with it
            case writes.Seen():
                self._seen(one)
            case writes.Resource() | writes.Forget():
                self._resource(one)
            case writes.NewVolume() | writes.VolumeMove() | writes.AmendVolume() | writes.RemoveVolume():
                volumes.write(self.db, one, self.at)

    def _move(self, move: writes.Move) -> None:
        subject = self.subjects[move.uuid]
        instances.move(self.db, subject.name, move, self.at)
        if move.clears:
            session.delete(self.db, "undo", uuid=move.uuid)
        states, detail = f"{move.source} -> {move.dest}", move.fault or ""
        self._event("move", writes.Step(move.uuid, states, move.trigger, subject.host, "done", detail=detail))

    def _event(self, kind: str, step: writes.Step) -> None:
        row = {name: getattr(step, name) for name in writes.Step.__struct_fields__ if name != "uuid"}
        self.events.append({"at": self.at, "run": self.run.id, "name": self.subjects[step.uuid].name, "kind": kind, **row})

    def _job(self, one: writes.Intent | writes.Settle) -> None:
        match one:
            case writes.Intent():
                self._intent(one)
            case writes.Settle():
                self._settle(one)

    def _intent(self, intent: writes.Intent) -> None:
        job = {"job": intent.job, "run": self.run.id, "host": intent.host, "begun_at": self.at}
        job |= {"uuids": codec.encode(reading.Uuids, intent.uuids), "lanes": codec.encode(reading.Lanes, intent.lanes)}
        session.insert(self.db, "jobs", job)
        marks = session.marks(len(intent.undo))
        found = self.db.execute(f"SELECT uuid, step FROM undo WHERE uuid IN ({marks})", tuple(intent.undo)) if marks else ()  # noqa: S608  # only marks
        kept = {(uuid, step) for uuid, step in found}
        for uuid, entries in intent.undo.items():
            for entry in entries:
                if (uuid, entry.step) not in kept:
                    kept.add((uuid, entry.step))
                    actions = codec.encode(tuple[Action, ...], entry.actions)
                    session.insert(self.db, "undo", {"uuid": uuid, "step": entry.step, "actions": actions})

    def _settle(self, settle: writes.Settle) -> None:
        closing = "UPDATE jobs SET ended_at = ?, outcome = ? WHERE job = ? AND ended_at IS NULL"
        if not self.db.execute(closing, (self.at, settle.outcome, settle.job)).rowcount:
            raise errors.Conflict(f"job {settle.job} is not open", why="it was settled before, or never begun")

    def _seen(self, seen: writes.Seen) -> None:
        text = session.first(self.db, "SELECT body FROM hosts WHERE name = ?", seen.host)
        values = {"seen_at": self.at, "body": codec.encode(Capacity, seen.capacity)}
        if text is None:
            session.insert(self.db, "hosts", {"name": seen.host, **values})
            return
        known = rows.body(Capacity, f"host '{seen.host}'", text)
        if known.machine_id != seen.capacity.machine_id:
            raise errors.Conflict(
                f"host {seen.host} is another machine now",
                why=f"its machine id was {known.machine_id} and is {seen.capacity.machine_id}",
                hint=f"see that the inventory's ansible_host of {seen.host} is the machine it was",
            )
        session.update(self.db, "hosts", values, name=seen.host)

    def _resource(self, resource: writes.Resource | writes.Forget) -> None:
        this = {"kind": resource.kind, "name": resource.name}
        if isinstance(resource, writes.Forget):
            session.delete(self.db, "resources", **this)
        elif not session.update(self.db, "resources", {"body": resource.body}, **this):
            session.insert(self.db, "resources", {**this, "body": resource.body})
