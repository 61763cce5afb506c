"""What `commit` does for each kind of write, inside one write transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, Delete, Update, delete, insert, select, update

from orchestrator.commands.command import Action
from orchestrator.model import errors
from orchestrator.model.host import Capacity
from orchestrator.ports import writes
from orchestrator.ports.store import Run
from orchestrator.store import codec, instances, reading, rows, runs, schema, volumes


def write(connection: Connection, run: Run, batch: Sequence[writes.Write], at: str) -> None:
    """Write the batch in its order. Raises LostOwnership, Conflict."""
    entry = Entry(connection, run, at, runs.owned(connection, run, _touched(batch)))
    for one in batch:
        entry.take(one)
    if entry.events:
        connection.execute(insert(schema.events), entry.events)


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


def _changed(one: writes.Want | writes.Amend, at: str) -> Update:
    wish = {"body": instances.text(one.instance)} if isinstance(one, writes.Amend) else {"wanted": one.wanted}
    return update(schema.instances).values(**wish, updated_at=at)


@dataclass(frozen=True, slots=True)
class Entry:
    """One commit under way: `subjects` are the instances it touches, `events` the lines that it adds to their history."""

    connection: Connection
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
            case writes.Intent():
                self._intent(one)
            case writes.Settle():
                self._settle(one)
            case writes.Want() | writes.Amend():
                self._instance(_changed(one, self.at), one.instance.uuid if isinstance(one, writes.Amend) else one.uuid)
            case writes.Remove():
                self._instance(delete(schema.instances), one.uuid)  # ports, addresses and undo go with it
            case writes.Seen():
                self._seen(one)
            case writes.Resource() | writes.Forget():
                self._resource(one)
            case writes.NewVolume() | writes.VolumeMove() | writes.AmendVolume() | writes.RemoveVolume():
                volumes.write(self.connection, one, self.at)

    def _instance(self, change: Update | Delete, uuid: str) -> None:
        self.connection.execute(change.where(schema.instances.c.uuid == uuid))

    def _move(self, move: writes.Move) -> None:
        subject = self.subjects[move.uuid]
        instances.move(self.connection, subject.name, move, self.at)
        if move.clears:
            self.connection.execute(delete(schema.undo).where(schema.undo.c.uuid == move.uuid))
        states, detail = f"{move.source} -> {move.dest}", move.fault or ""
        self._event("move", writes.Step(move.uuid, states, move.trigger, subject.host, "done", detail=detail))

    def _event(self, kind: str, step: writes.Step) -> None:
        row = {name: getattr(step, name) for name in writes.Step.__slots__ if name != "uuid"}
        self.events.append({"at": self.at, "run": self.run.id, "name": self.subjects[step.uuid].name, "kind": kind, **row})

    def _intent(self, intent: writes.Intent) -> None:
        job = {"job": intent.job, "run": self.run.id, "host": intent.host, "begun_at": self.at}
        job |= {"uuids": codec.encode(reading.Uuids, intent.uuids), "lanes": codec.encode(reading.Lanes, intent.lanes)}
        self.connection.execute(insert(schema.jobs).values(job))
        table = schema.undo
        query = select(table.c.uuid, table.c.step).where(table.c.uuid.in_(tuple(intent.undo)))
        kept = {(uuid, step) for uuid, step in self.connection.execute(query)}
        for uuid, entries in intent.undo.items():
            for entry in entries:
                if (uuid, entry.step) not in kept:
                    kept.add((uuid, entry.step))
                    actions = codec.encode(tuple[Action, ...], entry.actions)
                    self.connection.execute(insert(table).values(uuid=uuid, step=entry.step, actions=actions))

    def _settle(self, settle: writes.Settle) -> None:
        table = schema.jobs
        closing = update(table).where(table.c.job == settle.job, table.c.ended_at.is_(None))
        if not self.connection.execute(closing.values(ended_at=self.at, outcome=settle.outcome)).rowcount:
            raise errors.Conflict(f"job {settle.job} is not open", why="it was settled before, or never begun")

    def _seen(self, seen: writes.Seen) -> None:
        table = schema.hosts
        text = self.connection.execute(select(table.c.body).where(table.c.name == seen.host)).scalar()
        values = {"seen_at": self.at, "body": codec.encode(Capacity, seen.capacity)}
        if text is None:
            self.connection.execute(insert(table).values(name=seen.host, **values))
            return
        known = rows.body(Capacity, f"host '{seen.host}'", text)
        if known.machine_id != seen.capacity.machine_id:
            raise errors.Conflict(
                f"host {seen.host} is another machine now",
                why=f"its machine id was {known.machine_id} and is {seen.capacity.machine_id}",
                hint=f"see that the inventory's ansible_host of {seen.host} is the machine it was",
            )
        self.connection.execute(update(table).where(table.c.name == seen.host).values(values))

    def _resource(self, resource: writes.Resource | writes.Forget) -> None:
        table = schema.resources
        this = (table.c.kind == resource.kind, table.c.name == resource.name)
        if isinstance(resource, writes.Forget):
            self.connection.execute(delete(table).where(*this))
        elif not self.connection.execute(update(table).where(*this).values(body=resource.body)).rowcount:
            self.connection.execute(insert(table).values(kind=resource.kind, name=resource.name, body=resource.body))
