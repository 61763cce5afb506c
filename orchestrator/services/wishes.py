"""What the playbook says of volumes: which are new, which grow, which instance gets one and which gives one back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct, structs

from orchestrator.model import desired, errors, names
from orchestrator.model.instance import Instance
from orchestrator.model.volume import Attachment, Volume, VolumeRecord
from orchestrator.ports.store import Snapshot
from orchestrator.ports.writes import AmendVolume, NewVolume, VolumeMove, Write
from orchestrator.scheduling import volumes
from orchestrator.services.app import App

UNMADE = ("creating", "error")
"""Statuses of volumes that were never whole: they are made anew."""
FIXED = ("backend", "read_only")


class Wishes(Struct, frozen=True):
    """`snapshot` is what is recorded, as it will be: `before` leads there, and, once the volumes `wanted` are there, `after`.

    Those with `fresh` ids may be made; all others must be there.
    """

    snapshot: Snapshot
    wanted: tuple[Volume, ...] = ()
    fresh: frozenset[str] = frozenset()
    before: tuple[Write, ...] = ()
    after: tuple[AmendVolume | VolumeMove, ...] = ()


def of(app: App, snapshot: Snapshot, wished: desired.Desired) -> Wishes:
    """The wishes. Raises SpecError for what cannot be done to a volume that exists, Conflict for one that another instance has."""
    known = {record.volume.name: record for record in snapshot.volumes}
    before: list[Write] = []
    after: list[AmendVolume | VolumeMove] = []
    fresh: set[str] = set()
    number = snapshot.next_volume
    for wish in wished.volumes.values():
        record = known.get(wish.name)
        if record is None and wish.path:
            why = "what is in it is whose guest it is, and no guest of it is recorded"
            hint = "`orchestrator adopt HOST` takes in guests that others made"
            raise errors.Conflict(f"volume {wish.name!r} is the file {wish.path}", wish.where, why, hint)
        if record is None:
            identity = names.volume_id(app.store.lineage, number)
            volume = volumes.bind(wish, wished, app.inventory.hosts, tuple(known.values()), identity)
            before.append(NewVolume(volume))
            record = VolumeRecord(volume, "creating", None, None, False, None, "", "")
            number += 1
        elif record.status == "deleting":
            continue  # only `volume delete` goes on with it
        elif _grows(record, wish):
            record = structs.replace(record, volume=structs.replace(record.volume, size=wish.size))
            after.append(AmendVolume(record.volume))
        if record.status in UNMADE:
            fresh.add(record.volume.id)
            after.append(VolumeMove(record.volume.id, record.status, "available"))
            record = structs.replace(record, status="available")
        known[wish.name] = record
    records = []
    for each in snapshot.records:
        instance, moves = _attached(app, each.instance, wished.instances.get(each.instance.name), known)
        after += moves
        records.append(structs.replace(each, instance=instance))
    there = (known[name] for name in wished.volumes if known[name].status != "deleting")
    wanted = tuple(record.volume for record in there if record.volume.backend != "local")
    shown = structs.replace(snapshot, volumes=tuple(known.values()), records=tuple(records), next_volume=number)
    return Wishes(shown, wanted, frozenset(fresh), tuple(before), tuple(after))


def without(after: Sequence[AmendVolume | VolumeMove], lost: Mapping[str, str]) -> list[Write]:
    """What is to be written when some volumes, by id, cannot be had: those stay as they are, in error, with why, when they were never whole."""
    writes: list[Write] = []
    for each in after:
        if (each.volume.id if isinstance(each, AmendVolume) else each.id) not in lost:
            writes.append(each)
        elif isinstance(each, VolumeMove) and each.source in UNMADE:
            writes.append(structs.replace(each, dest="error", fault=lost[each.id]))
        elif isinstance(each, VolumeMove) and each.dest == "detaching":
            writes.append(each)
    return writes


def _grows(record: VolumeRecord, wish: desired.Volume) -> bool:
    """Whether the volume is to be larger. Raises SpecError for every other difference."""
    was = record.volume
    image = was.image.name if was.image else None
    differences = [f"{name}: {getattr(was, name)} -> {getattr(wish, name)}" for name in FIXED if getattr(was, name) != getattr(wish, name)]
    path = was.options.get("path", "")
    differences += [f"path: {path or 'none'} -> {wish.path or 'none'}"] if path != wish.path else []
    differences += [f"size: {was.size} -> {wish.size}; what came with a guest is not grown"] if was.adopted and wish.size > was.size else []
    differences += [f"image: {image or 'none'} -> {wish.image or 'none'}"] if image != wish.image else []
    differences += [f"size: {was.size} -> {wish.size}; a volume never shrinks"] if wish.size < was.size else []
    if differences:
        hint = "put the old value back, or delete the volume first"
        raise errors.SpecError(f"volume {wish.name!r} exists otherwise", wish.where, "; ".join(differences), hint)
    return wish.size > was.size


def _attached(
    app: App, instance: Instance, wish: desired.InstanceRequest | None, known: Mapping[str, VolumeRecord]
) -> tuple[Instance, list[AmendVolume | VolumeMove]]:
    """An instance with the volumes that it is to have, as they will be, and the moves of those that come or go."""
    here = {each.volume.name: structs.replace(each, volume=known[each.volume.name].volume) for each in instance.volumes}
    wanted = tuple(here) if wish is None or wish.state == "absent" else wish.volumes
    writes: list[AmendVolume | VolumeMove] = []
    for name, each in here.items():
        if name not in wanted and not each.leaving and not each.boot:
            kept(instance.name, each.volume)
            writes.append(VolumeMove(each.volume.id, each.status, "detaching"))
            here[name] = structs.replace(each, status="detaching")
    taken = {disk.device for disk in instance.disks} | {each.device for each in here.values()}
    for name in wanted:
        if name not in here:
            made = arriving(app, instance, known[name], taken)
            taken.add(made.device)
            here[name] = made
            writes += claim(instance, made, known[name])
    return structs.replace(instance, volumes=tuple(here.values())), writes


def arriving(app: App, instance: Instance, record: VolumeRecord, taken: set[str]) -> Attachment:
    """The volume as a disk of the instance. Raises Conflict when it is another's, or a file of another host."""
    volume = record.volume
    kept(instance.name, volume)
    if record.status != "available":
        homes = {each.instance.uuid: each.instance.name for each in app.store.records()}
        owner = f" by instance {homes.get(record.instance)!r}" if record.instance else ""
        hint = "detach it there first" if record.instance else "see `orchestrator get volumes`"
        raise errors.Conflict(
            f"volume {volume.name!r} cannot be attached to {instance.name!r}", why=f"it is {record.status}{owner}", hint=hint
        )
    if instance.host not in app.inventory.hosts:
        raise departed(app, instance)
    volume = volumes.here(volume, app.inventory.hosts[instance.host])
    if volume.backend == "local" and volume.host != instance.host:
        why = f"it is a file of {volume.host}, and the instance is on {instance.host}"
        raise errors.Conflict(
            f"volume {volume.name!r} cannot be attached to {instance.name!r}", why=why, hint="take a volume of another backend"
        )
    return Attachment(volume, volumes.free(taken))


def kept(name: str, volume: Volume) -> None:
    """Raises Conflict for a volume that comes and goes with its guest's own definition alone."""
    if volume.adopted:
        why = f"it is {volume.options['path']}, a part of the guest that was adopted with it"
        raise errors.Conflict(
            f"volume {volume.name!r} is neither attached to nor detached from {name!r}", why=why, hint="copy what is on it"
        )


def departed(app: App, instance: Instance) -> errors.Conflict:
    """The instance's host is not in the inventory: it stays where it is, whatever is wished for it, as all that are on such hosts."""
    there: dict[str, int] = {}
    for record in app.store.records():
        if record.instance.host not in app.inventory.hosts:
            there[record.instance.host] = there.get(record.instance.host, 0) + 1
    told = ", ".join(f"{name} ({count})" for name, count in sorted(there.items()))
    return errors.Conflict(
        f"host {instance.host!r} has left the inventory",
        why=f"instance {instance.name!r} is there; instances on hosts not in the inventory: {told}",
        hint="put the host back into the inventory; nothing was changed",
    )


def claim(instance: Instance, made: Attachment, record: VolumeRecord) -> list[AmendVolume | VolumeMove]:
    """What is written when the volume becomes the instance's."""
    amend: list[AmendVolume | VolumeMove] = [AmendVolume(made.volume)] if made.volume != record.volume else []
    return [*amend, VolumeMove(made.volume.id, "available", "attaching", None, instance.uuid, made.device)]
