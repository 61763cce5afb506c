"""Instances as rows: placing and moving them. All functions work inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from orchestrator.model import errors
from orchestrator.model.decision import Decision
from orchestrator.model.instance import Instance, Record
from orchestrator.ports.store import Placement, Snapshot
from orchestrator.ports.writes import Amend, Move, VolumeMove, Want
from orchestrator.states.instance import TABLE
from orchestrator.store import codec, reading, rows, session, volumes
from orchestrator.store.session import Session

POWER = {"ACTIVE": 1, "STOPPED": 4}
"""Nova's numbers, of what was found at rest."""


def place(db: Session, seen: Snapshot, placements: Sequence[Placement], at: str) -> tuple[Record, ...]:
    """Record new instances, and the new hosts of old ones. Raises Conflict when another has the name, the MAC address or the fixed IP, or when an
    old one cannot move.
    """
    if not placements:
        return ()
    known = {record.instance.uuid: record for record in seen.records}
    moving = {placement.instance.uuid: placement for placement in placements if placement.instance.uuid in known}
    taken: dict[str, str] = {}
    for record in seen.records:
        if record.instance.uuid not in moving:
            _claim(taken, record.instance)
    for placement in placements:
        _claim(taken, placement.instance)
    moved = tuple(_moved(db, known[uuid], placement, at) for uuid, placement in moving.items())
    made = tuple(_record(placement, at) for placement in placements if placement.instance.uuid not in moving)
    claimed = [row for record in made for row in _rows(record)]
    for table in ("instances", "ports", "addresses"):  # in this order: each refers to the one before
        session.insert(db, table, *(values for into, values in claimed if into == table))
    db.execute("UPDATE meta SET next_number = ?", (seen.next_number + len(made),))
    for placement in placements:
        volumes.claim(db, placement.instance.uuid, placement.instance.volumes, placement.volumes, at)
        for each in placement.instance.volumes if not TABLE.state(placement.state).busy and placement.state != TABLE.initial else ():
            volumes.move(db, VolumeMove(each.volume.id, "attaching", "in-use"), at)  # its guest has them
    return moved + made


def _moved(db: Session, record: Record, placement: Placement, at: str) -> Record:
    """The instance on its new host. Nothing of it may be left on the old one: no undo is kept, and its guest never ran."""
    uuid = record.instance.uuid
    left = session.first(db, "SELECT id FROM undo WHERE uuid = ? LIMIT 1", uuid)
    if record.state != "ERROR" or record.instance.launched or left is not None:
        why = f"it is {record.state} on {record.instance.host}" + (", and not all of it was undone there" if left is not None else "")
        raise errors.Conflict(f"instance '{record.instance.name}' cannot move", why=why, hint="run it again")
    values = {"host": placement.instance.host, "body": text(placement.instance), "decision": codec.encode(Decision, placement.decision)}
    session.update(db, "instances", {**values, "updated_at": at}, uuid=uuid)
    return replace(record, instance=placement.instance, decision=placement.decision, updated_at=at)


def move(db: Session, name: str, wish: Move, at: str) -> None:
    """Compare-and-set on the present state. Raises Conflict when it is another one."""
    values = {column: getattr(wish, column) for column in ("vm_state", "task_state", "power_state", "fault")}
    if not session.update(db, "instances", {**values, "state": wish.dest, "updated_at": at}, uuid=wish.uuid, state=wish.source):
        present = session.first(db, "SELECT state FROM instances WHERE uuid = ?", wish.uuid)
        raise errors.Conflict(
            f"instance '{name}' is {present or 'removed'}, not {wish.source}",
            why=f"'{wish.trigger}' goes from {wish.source} to {wish.dest}",
            hint="something else changed it; run again to go on from its present state",
        )
    if wish.blames:
        _blame(db, wish)
    if wish.launched:
        host, before = db.execute("SELECT host, body FROM instances WHERE uuid = ?", (wish.uuid,)).fetchone()
        session.delete(db, "resources", kind=reading.FAILED_BUILDS, name=host)
        launched = replace(rows.body(Instance, f"instance '{name}'", before), launched=True)
        session.update(db, "instances", {"body": text(launched)}, uuid=wish.uuid)


def change(db: Session, one: Want | Amend, at: str) -> None:
    """What is wished for an instance, or the instance as it is to be. Raises Conflict when a port of it would have what another's has."""
    if isinstance(one, Amend):
        _plug(db, one.instance)
    uuid, wish = (one.uuid, {"wanted": one.wanted}) if isinstance(one, Want) else (one.instance.uuid, {"body": text(one.instance)})
    session.update(db, "instances", {**wish, "updated_at": at}, uuid=uuid)


def _plug(db: Session, instance: Instance) -> None:
    """The rows of its ports, as they are to be: what a port had that left is free."""
    known = {row[0] for row in db.execute("SELECT id FROM ports WHERE uuid = ?", (instance.uuid,))}
    for identity in known - {port.id for port in instance.ports}:
        session.delete(db, "addresses", port=identity)
        session.delete(db, "ports", id=identity)
    for port in instance.ports:
        if port.id in known:
            continue
        macs = "SELECT i.name FROM ports p JOIN instances i ON i.uuid = p.uuid WHERE p.mac = ?"
        _free(session.first(db, macs, port.mac.lower()), f"MAC address {port.mac.lower()}", instance)
        session.insert(db, "ports", {"id": port.id, "uuid": instance.uuid, "mac": port.mac.lower()})
        for ip in port.fixed_ips:
            owners = "SELECT i.name FROM addresses a JOIN ports p ON p.id = a.port JOIN instances i ON i.uuid = p.uuid WHERE a.network = ? AND a.ip = ?"
            _free(session.first(db, owners, port.network, ip.lower()), f"fixed IP {ip.lower()} of network '{port.network}'", instance)
            session.insert(db, "addresses", {"network": port.network, "ip": ip.lower(), "port": port.id})


def _free(owner: str | None, claim: str, instance: Instance) -> None:
    if owner is not None:
        why, hint = f"instance '{owner}' has it", "choose another, or destroy that instance"
        raise errors.Conflict(f"{claim} is taken", f"instance '{instance.name}'", why, hint)


def _blame(db: Session, wish: Move) -> None:
    """The host is noted with the instance, and counted against the host (nova stats `build_failed`)."""
    known = reading.decision(session.first(db, "SELECT decision FROM instances WHERE uuid = ?", wish.uuid))
    noted = replace(known, tried=tuple(dict.fromkeys((*known.tried, wish.blames))))
    session.update(db, "instances", {"decision": codec.encode(Decision, noted)}, uuid=wish.uuid)
    this = {"kind": reading.FAILED_BUILDS, "name": wish.blames}
    count = session.first(db, "SELECT body FROM resources WHERE kind = ? AND name = ?", *this.values())
    session.delete(db, "resources", **this)
    session.insert(db, "resources", {**this, "body": str(int(count or 0) + 1)})


def text(instance: Instance) -> str:
    """The instance as its row's body holds it: volumes have rows of their own."""
    return codec.encode(Instance, replace(instance, volumes=()))


def _claim(taken: dict[str, str], instance: Instance) -> None:
    claims = [f"name '{instance.name}'", f"domain name '{instance.domain}'"]
    for port in instance.ports:
        claims.append(f"MAC address {port.mac.lower()}")
        claims.extend(f"fixed IP {ip.lower()} of network '{port.network}'" for ip in port.fixed_ips)
    for claim in claims:
        if claim in taken:
            why, hint = f"instance '{taken[claim]}' has it", "choose another, or destroy that instance"
            raise errors.Conflict(f"{claim} is taken", f"instance '{instance.name}'", why, hint)
        taken[claim] = instance.name


def _record(placement: Placement, at: str) -> Record:
    state = TABLE.state(placement.state)
    return Record(
        placement.instance,
        state=state.name,
        vm_state=state.vm_state or "",
        task_state=state.task_state,
        power_state=POWER.get(state.name, 0),
        wanted=placement.wanted,
        fault=None,
        decision=placement.decision,
        created_at=at,
        updated_at=at,
    )


def _rows(record: Record) -> Iterator[tuple[str, dict[str, object]]]:
    """An instance's rows, and what it claims: each MAC address once, each fixed IP once in its network."""
    instance = record.instance
    row = {name: getattr(record, name) for name in reading.RECORD} | {"decision": codec.encode(Decision, record.decision)}
    row |= {name: getattr(instance, name) for name in ("uuid", "name", "domain", "host")}
    yield "instances", {**row, "body": text(instance)}
    for port in instance.ports:
        yield "ports", {"id": port.id, "uuid": instance.uuid, "mac": port.mac.lower()}
        for ip in port.fixed_ips:
            yield "addresses", {"network": port.network, "ip": ip.lower(), "port": port.id}
