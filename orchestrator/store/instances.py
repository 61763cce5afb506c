"""Instances as rows: placing and moving them. All functions work inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlalchemy import ColumnElement, Connection, ScalarSelect, Table, and_, delete, insert, select, update

from orchestrator.model import errors
from orchestrator.model.decision import Decision
from orchestrator.model.instance import Instance, Record
from orchestrator.ports.store import Placement, Snapshot
from orchestrator.ports.writes import Move
from orchestrator.store import codec, reading, rows, schema, volumes


def place(connection: Connection, seen: Snapshot, placements: Sequence[Placement], at: str) -> tuple[Record, ...]:
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
    moved = tuple(_moved(connection, known[uuid], placement, at) for uuid, placement in moving.items())
    made = tuple(_record(placement, at) for placement in placements if placement.instance.uuid not in moving)
    claimed = [row for record in made for row in _rows(record)]
    for table in (schema.instances, schema.ports, schema.addresses):  # in this order: each refers to the one before
        if mine := [values for into, values in claimed if into is table]:
            connection.execute(insert(table), mine)
    connection.execute(update(schema.meta).values(next_number=seen.next_number + len(made)))
    for placement in placements:
        volumes.claim(connection, placement.instance.uuid, placement.instance.volumes, placement.volumes, at)
    return moved + made


def _moved(connection: Connection, record: Record, placement: Placement, at: str) -> Record:
    """The instance on its new host. Nothing of it may be left on the old one: no undo is kept, and its guest never ran."""
    uuid, table = record.instance.uuid, schema.instances
    left = connection.execute(select(schema.undo.c.id).where(schema.undo.c.uuid == uuid).limit(1)).scalar()
    if record.state != "ERROR" or record.instance.launched or left is not None:
        why = f"it is {record.state} on {record.instance.host}" + (", and not all of it was undone there" if left is not None else "")
        raise errors.Conflict(f"instance '{record.instance.name}' cannot move", why=why, hint="run it again")
    values = {"host": placement.instance.host, "body": text(placement.instance), "decision": codec.encode(Decision, placement.decision)}
    connection.execute(update(table).where(table.c.uuid == uuid).values(**values, updated_at=at))
    return replace(record, instance=placement.instance, decision=placement.decision, updated_at=at)


def move(connection: Connection, name: str, wish: Move, at: str) -> None:
    """Compare-and-set on the present state. Raises Conflict when it is another one."""
    table = schema.instances
    values = {column: getattr(wish, column) for column in ("vm_state", "task_state", "power_state", "fault")}
    values |= {"state": wish.dest, "updated_at": at}
    expected = update(table).where(table.c.uuid == wish.uuid, table.c.state == wish.source)
    if not connection.execute(expected.values(values)).rowcount:
        present = connection.execute(select(table.c.state).where(table.c.uuid == wish.uuid)).scalar()
        raise errors.Conflict(
            f"instance '{name}' is {present or 'removed'}, not {wish.source}",
            why=f"'{wish.trigger}' goes from {wish.source} to {wish.dest}",
            hint="something else changed it; run again to go on from its present state",
        )
    if wish.blames:
        _blame(connection, wish)
    if wish.launched:
        connection.execute(
            delete(schema.resources).where(_failures(select(table.c.host).where(table.c.uuid == wish.uuid).scalar_subquery()))
        )
        before = connection.execute(select(table.c.body).where(table.c.uuid == wish.uuid)).scalar_one()
        launched = replace(rows.body(Instance, f"instance '{name}'", before), launched=True)
        connection.execute(update(table).where(table.c.uuid == wish.uuid).values(body=text(launched)))


def _blame(connection: Connection, wish: Move) -> None:
    """The host is noted with the instance, and counted against the host (nova stats `build_failed`)."""
    table, resources = schema.instances, schema.resources
    known = reading.decision(connection.execute(select(table.c.decision).where(table.c.uuid == wish.uuid)).scalar_one())
    noted = replace(known, tried=tuple(dict.fromkeys((*known.tried, wish.blames))))
    connection.execute(update(table).where(table.c.uuid == wish.uuid).values(decision=codec.encode(Decision, noted)))
    count = connection.execute(select(resources.c.body).where(_failures(wish.blames))).scalar()
    connection.execute(delete(resources).where(_failures(wish.blames)))
    connection.execute(insert(resources).values(kind=reading.FAILED_BUILDS, name=wish.blames, body=str(int(count or 0) + 1)))


def _failures(host: str | ScalarSelect[str]) -> ColumnElement[bool]:
    return and_(schema.resources.c.kind == reading.FAILED_BUILDS, schema.resources.c.name == host)


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
    return Record(
        placement.instance,
        state="BUILDING",
        vm_state="building",
        task_state="scheduling",
        power_state=0,
        wanted=placement.wanted,
        fault=None,
        decision=placement.decision,
        created_at=at,
        updated_at=at,
    )


def _rows(record: Record) -> Iterator[tuple[Table, dict[str, object]]]:
    """An instance's rows, and what it claims: each MAC address once, each fixed IP once in its network."""
    instance = record.instance
    row = {name: getattr(record, name) for name in reading.RECORD} | {"decision": codec.encode(Decision, record.decision)}
    row |= {name: getattr(instance, name) for name in ("uuid", "name", "domain", "host")}
    yield schema.instances, {**row, "body": text(instance)}
    for port in instance.ports:
        yield schema.ports, {"id": port.id, "uuid": instance.uuid, "mac": port.mac.lower()}
        for ip in port.fixed_ips:
            yield schema.addresses, {"network": port.network, "ip": ip.lower(), "port": port.id}
