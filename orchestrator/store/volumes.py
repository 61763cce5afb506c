"""Volumes as rows: making and moving them. All functions work inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, select, update

from orchestrator.model import errors
from orchestrator.model.volume import Attachment, Volume
from orchestrator.ports import writes
from orchestrator.store import codec, reading, schema, sqlite

Written = writes.NewVolume | writes.VolumeMove | writes.AmendVolume | writes.RemoveVolume
FREE = ("available", "error")
"""Statuses in which no instance has the volume."""


def write(connection: Connection, one: Written, at: str) -> None:
    """Write one of a commit. Raises Conflict."""
    match one:
        case writes.NewVolume():
            add(connection, one, at)
        case writes.VolumeMove():
            move(connection, one, at)
        case writes.AmendVolume():
            amend(connection, one.volume, at)
        case writes.RemoveVolume():
            remove(connection, one.id)


def add(connection: Connection, new: writes.NewVolume, at: str) -> None:
    """Record a new volume. Raises Conflict when another has its name."""
    table, volume = schema.volumes, new.volume
    if connection.execute(select(table.c.id).where(table.c.name == volume.name)).first():
        raise errors.Conflict(f"volume '{volume.name}' exists already", hint="see `orchestrator get volumes`")
    if connection.execute(select(table.c.id).where(table.c.id == volume.id)).first():
        raise errors.Conflict(f"volume '{volume.name}' cannot be recorded", why="another run took its number", hint="run it again")
    row = {"id": volume.id, "name": volume.name, "status": new.status, "boot": False, "created_at": at, "updated_at": at}
    connection.execute(insert(table).values({**row, "body": codec.encode(Volume, volume)}))
    connection.execute(update(schema.meta).values(next_volume=schema.meta.c.next_volume + 1))


def move(connection: Connection, wish: writes.VolumeMove, at: str) -> None:
    """Compare-and-set on the present status. Raises Conflict when it is another one."""
    table = schema.volumes
    values: dict[str, object] = {"status": wish.dest, "fault": wish.fault, "updated_at": at}
    if wish.dest == "attaching":
        values |= {"instance": wish.instance, "device": wish.device, "boot": wish.boot}
    elif wish.dest in FREE:
        values |= {"instance": None, "device": None, "boot": False}
    expected = update(table).where(table.c.id == wish.id, table.c.status == wish.source)
    if not connection.execute(expected.values(values)).rowcount:
        found = connection.execute(select(table.c.name, table.c.status).where(table.c.id == wish.id)).first()
        what = f"volume '{found.name}' is {found.status}" if found else f"volume {wish.id} is removed"
        raise errors.Conflict(f"{what}, not {wish.source}", hint="something else changed it; see `orchestrator get volumes`")


def amend(connection: Connection, volume: Volume, at: str) -> None:
    """What is known of a volume, replaced."""
    table = schema.volumes
    connection.execute(update(table).where(table.c.id == volume.id).values(body=codec.encode(Volume, volume), updated_at=at))


def remove(connection: Connection, identity: str) -> None:
    """Forget a volume that no instance has. Raises Conflict when one has."""
    table = schema.volumes
    gone = delete(table).where(table.c.id == identity, table.c.instance.is_(None))
    if not connection.execute(gone).rowcount:
        raise errors.Conflict(f"volume {identity} is an instance's, or removed already", hint="see `orchestrator get volumes`")


def claim(connection: Connection, uuid: str, wanted: Sequence[Attachment], new: Sequence[Volume], at: str) -> None:
    """Give an instance that was just recorded, or moved, its volumes: `new` ones are recorded with it, the others must be free, or its own.

    Of one that moves nothing is left on the host before: what it had and is to have no more is free. Raises Conflict.
    """
    found = {record.volume.id: record for record in reading.volumes(sqlite.driver(connection))}
    own = {identity: record.status for identity, record in found.items() if record.instance == uuid}
    for volume in new:
        if volume.id in found:
            amend(connection, volume, at)
        else:
            add(connection, writes.NewVolume(volume, "available"), at)
    for identity, status in own.items():  # first of all: what comes takes its disk
        move(connection, writes.VolumeMove(identity, status, "available"), at)
    for each in wanted:
        move(connection, writes.VolumeMove(each.volume.id, "available", "attaching", None, uuid, each.device, each.boot), at)
