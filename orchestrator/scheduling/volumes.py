"""A volume bound: its id, the host that makes it, and what it takes to reach it, fixed before the first command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import structs

from orchestrator.model import desired, errors, names
from orchestrator.model.host import Host
from orchestrator.model.instance import Instance
from orchestrator.model.volume import Attachment, Volume, VolumeRecord

OPTIONS = {
    "local": frozenset({"path"}),
    "iscsi": frozenset({"path", "address", "port", "initiator"}),
    "rbd": frozenset({"pool", "user", "conf", "monitors", "key_file"}),
}
"""What a host's `volume_backends` may say of a backend."""
STORAGE = "storage"
"""The group of hosts that keep iSCSI volumes, beside those that name the backend themselves."""
PATH = "/var/lib/orchestrator/volumes"
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def bind(wish: desired.Volume, wished: desired.Desired, hosts: Mapping[str, Host], known: Sequence[VolumeRecord], identity: str) -> Volume:
    """The new volume. Raises Conflict when no host offers its backend."""
    image = wished.images[wish.image] if wish.image else None
    made = Volume(identity, wish.name, wish.size, wish.backend, read_only=wish.read_only, image=image)
    if wish.backend == "local":
        return made
    load = {name: 0 for name in hosts if _offers(hosts[name], wish.backend)}
    for each in known:
        if each.volume.host in load:
            load[each.volume.host] += each.volume.size
    if not load:
        hint = f"put a host into the group `{STORAGE}`, or give one volume_backends: {{{wish.backend}: ...}}"
        raise errors.Conflict(f"no host offers volumes of backend {wish.backend!r}", wish.where, f"volume {wish.name!r} wants it", hint)
    return place(made, hosts[min(load, key=lambda name: (load[name], name))])


def place(volume: Volume, host: Host) -> Volume:
    """The volume on its host, with the options that it is reached by. Raises Conflict for options that the backend does not know, or lacks."""
    options = dict(host.volume_backends.get(volume.backend, {}))
    unknown = sorted(options.keys() - OPTIONS[volume.backend])
    if unknown:
        hint = f"known are {', '.join(sorted(OPTIONS[volume.backend]))}"
        raise errors.Conflict(f"unknown option {unknown[0]!r} of volume_backends.{volume.backend}", f"host {host.name}", hint=hint)
    if volume.backend == "rbd":
        options.setdefault("pool", "volumes")
    else:
        options["directory"] = options.pop("path", PATH if volume.backend == "iscsi" else f"{host.instances_path}/volumes")
    if volume.backend == "iscsi":
        options.setdefault("address", host.local_ip or host.address)
        options.setdefault("port", "3260")
    if volume.image:
        options["base"] = names.base(host.instances_path, names.image_id(volume.image.name, volume.image.digest))
    return structs.replace(volume, host=host.name, options=options)


def _offers(host: Host, backend: str) -> bool:
    return backend in host.volume_backends or (backend == "iscsi" and STORAGE in host.groups)


def attach(request: desired.InstanceRequest, volumes: Mapping[str, Volume], instance: Instance, host: Host) -> Instance:
    """A new instance with its volumes as disks after its own; the one that it boots from is the first disk. Local volumes get its host."""
    taken = {disk.device for disk in instance.disks}
    made: list[Attachment] = []
    for name in sorted(request.volumes, key=lambda each: each != request.boot_volume):
        boot = name == request.boot_volume
        device = free(taken, first=boot)
        taken.add(device)
        made.append(Attachment(here(volumes[name], host), device, boot))
    return structs.replace(instance, volumes=tuple(made))


def here(volume: Volume, host: Host) -> Volume:
    """The volume as an instance on the host has it, from now on: a local one that was never attached is made there."""
    kept = structs.replace(volume, deleted_with="")
    return place(kept, host) if volume.backend == "local" and not volume.host else kept


def free(taken: set[str], first: bool = False) -> str:
    """The first disk that is not taken; vda is what the guest boots from. Raises Conflict when there is none."""
    found = next((f"vd{letter}" for letter in (LETTERS if first else LETTERS[1:]) if f"vd{letter}" not in taken), None)
    if found is None:
        raise errors.Conflict("no disk is free", why="an instance has at most vda to vdz")
    return found
