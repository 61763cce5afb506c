"""Instances as rows: placing them, moving them, reading them. All functions work inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlalchemy import Connection, Table, insert, select, update

from orchestrator.model import errors
from orchestrator.model.host import Capacity
from orchestrator.model.instance import Instance, Record
from orchestrator.model.volume import VolumeRecord
from orchestrator.ports.store import Placement, Snapshot
from orchestrator.ports.writes import Move
from orchestrator.store import codec, rows, schema, volumes

COLUMNS = tuple(schema.instances.c[name] for name in Record.__slots__ if name != "instance")


def records(connection: Connection) -> tuple[Record, ...]:
    """Every instance, by name. Raises OrchestratorError for one that this program cannot read."""
    return _records(connection, volumes.records(connection))


def _records(connection: Connection, known: Sequence[VolumeRecord]) -> tuple[Record, ...]:
    table, attached = schema.instances, volumes.attachments(known)
    found = connection.execute(select(table.c.name, table.c.uuid, table.c.body, *COLUMNS).order_by(table.c.name))
    made = ((rows.body(Instance, f"instance '{name}'", text), uuid, columns) for name, uuid, text, *columns in found)
    return tuple(Record(replace(instance, volumes=attached.get(uuid, ())), *columns) for instance, uuid, columns in made)


def capacities(connection: Connection) -> dict[str, Capacity]:
    """Hosts as last seen, by name."""
    found = connection.execute(select(schema.hosts.c.name, schema.hosts.c.body).order_by(schema.hosts.c.name))
    return {name: rows.body(Capacity, f"host '{name}'", text) for name, text in found}


def snapshot(connection: Connection) -> Snapshot:
    """What placement decides on."""
    number, volume = connection.execute(select(schema.meta.c.next_number, schema.meta.c.next_volume)).one()
    known = volumes.records(connection)
    return Snapshot(_records(connection, known), number, capacities(connection), known, volume)


def place(connection: Connection, seen: Snapshot, placements: Sequence[Placement], at: str) -> tuple[Record, ...]:
    """Record new instances. Raises Conflict when another has the name, the MAC address or the fixed IP."""
    if not placements:
        return ()
    taken: dict[str, str] = {}
    for record in seen.records:
        _claim(taken, record.instance)
    for placement in placements:
        _claim(taken, placement.instance)
    made = tuple(_record(placement, at) for placement in placements)
    claimed = [row for record in made for row in _rows(record)]
    for table in (schema.instances, schema.ports, schema.addresses):  # in this order: each refers to the one before
        if mine := [values for into, values in claimed if into is table]:
            connection.execute(insert(table), mine)
    connection.execute(update(schema.meta).values(next_number=seen.next_number + len(made)))
    for placement in placements:
        volumes.claim(connection, placement.instance.uuid, placement.instance.volumes, placement.volumes, at)
    return made


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
    if wish.launched:
        before = connection.execute(select(table.c.body).where(table.c.uuid == wish.uuid)).scalar_one()
        launched = replace(rows.body(Instance, f"instance '{name}'", before), launched=True)
        connection.execute(update(table).where(table.c.uuid == wish.uuid).values(body=text(launched)))


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
    row = {name: getattr(record, name) for name in Record.__slots__ if name != "instance"}
    row |= {name: getattr(instance, name) for name in ("uuid", "name", "domain", "host")}
    yield schema.instances, {**row, "body": text(instance)}
    for port in instance.ports:
        yield schema.ports, {"id": port.id, "uuid": instance.uuid, "mac": port.mac.lower()}
        for ip in port.fixed_ips:
            yield schema.addresses, {"network": port.network, "ip": ip.lower(), "port": port.id}
