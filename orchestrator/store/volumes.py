"""Volumes as rows: making and moving them. All functions work inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.model import errors
from orchestrator.model.volume import Attachment, Volume
from orchestrator.ports import writes
from orchestrator.store import codec, reading, session
from orchestrator.store.session import Session

Written = writes.NewVolume | writes.VolumeMove | writes.AmendVolume | writes.RemoveVolume
FREE = ("available", "error")
"""Statuses in which no instance has the volume."""


def write(db: Session, one: Written, at: str) -> None:
    """Write one of a commit. Raises Conflict."""
    match one:
        case writes.NewVolume():
            add(db, one, at)
        case writes.VolumeMove():
            move(db, one, at)
        case writes.AmendVolume():
            amend(db, one.volume, at)
        case writes.RemoveVolume():
            remove(db, one.id)


def add(db: Session, new: writes.NewVolume, at: str) -> None:
    """Record a new volume. Raises Conflict when another has its name."""
    volume = new.volume
    if session.first(db, "SELECT id FROM volumes WHERE name = ?", volume.name) is not None:
        raise errors.Conflict(f"volume '{volume.name}' exists already", hint="see `orchestrator get volumes`")
    if session.first(db, "SELECT id FROM volumes WHERE id = ?", volume.id) is not None:
        raise errors.Conflict(f"volume '{volume.name}' cannot be recorded", why="another run took its number", hint="run it again")
    row = {"id": volume.id, "name": volume.name, "status": new.status, "boot": False, "created_at": at, "updated_at": at}
    session.insert(db, "volumes", {**row, "body": codec.encode(Volume, volume)})
    db.execute("UPDATE meta SET next_volume = next_volume + 1")


def move(db: Session, wish: writes.VolumeMove, at: str) -> None:
    """Compare-and-set on the present status. Raises Conflict when it is another one."""
    values: dict[str, object] = {"status": wish.dest, "fault": wish.fault, "updated_at": at}
    if wish.dest == "attaching":
        values |= {"instance": wish.instance, "device": wish.device, "boot": wish.boot}
    elif wish.dest in FREE:
        values |= {"instance": None, "device": None, "boot": False}
    if not session.update(db, "volumes", values, id=wish.id, status=wish.source):
        found = db.execute("SELECT name, status FROM volumes WHERE id = ?", (wish.id,)).fetchone()
        what = f"volume '{found[0]}' is {found[1]}" if found else f"volume {wish.id} is removed"
        raise errors.Conflict(f"{what}, not {wish.source}", hint="something else changed it; see `orchestrator get volumes`")


def amend(db: Session, volume: Volume, at: str) -> None:
    """What is known of a volume, replaced."""
    session.update(db, "volumes", {"body": codec.encode(Volume, volume), "updated_at": at}, id=volume.id)


def remove(db: Session, identity: str) -> None:
    """Forget a volume that no instance has. Raises Conflict when one has."""
    if not db.execute("DELETE FROM volumes WHERE id = ? AND instance IS NULL", (identity,)).rowcount:
        raise errors.Conflict(f"volume {identity} is an instance's, or removed already", hint="see `orchestrator get volumes`")


def claim(db: Session, uuid: str, wanted: Sequence[Attachment], new: Sequence[Volume], at: str) -> None:
    """Give an instance that was just recorded, or moved, its volumes: `new` ones are recorded with it, the others must be free, or its own.

    Of one that moves nothing is left on the host before: what it had and is to have no more is free. Raises Conflict.
    """
    found = {record.volume.id: record for record in reading.volumes(db)}
    own = {identity: record.status for identity, record in found.items() if record.instance == uuid}
    for volume in new:
        if volume.id in found:
            amend(db, volume, at)
        else:
            add(db, writes.NewVolume(volume, "available"), at)
    for identity, status in own.items():  # first of all: what comes takes its disk
        move(db, writes.VolumeMove(identity, status, "available"), at)
    for each in wanted:
        move(db, writes.VolumeMove(each.volume.id, "available", "attaching", None, uuid, each.device, each.boot), at)
