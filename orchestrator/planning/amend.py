"""A recorded instance as the playbook wants it, as far as its changes are consented to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set

from msgspec import structs

from orchestrator.model.desired import Desired, Flavor, Image, InstanceRequest, Network, NetworkRequest
from orchestrator.model.instance import Disk, Instance, Port, Record
from orchestrator.planning import changes, compare
from orchestrator.planning.changes import DESTROY, NEXT_BOOT, REBOOT, REBUILD, Edit

Disks = Callable[[Image, Flavor, tuple[int, ...]], tuple[Disk, ...]]
"""The disks of its own that an instance of image, flavor and ephemeral parts would be given."""
LETTERS = "abcdefghijklmnopqrstuvwxyz"
MADE_ANEW = ("disk.config", "nvram.fd")
"""Beside the root disk: what its guest was told, and what its firmware kept."""


AWAY = "its host was not reached, and consent is to what is done now"


def held(record: Record, edits: Sequence[Edit], consents: Set[str], away: bool = False) -> tuple[Edit, ...]:
    """The edits, each with why it is not done now, where it is not. An instance whose disks are made anew boots: its other changes may use that.

    `away`: its host was not reached. What takes consent is not recorded then: a playbook that is put back meanwhile would lose the disks all the same.
    """
    way = f"an earlier run left it in {record.state}: apply again once that is finished" if compare.busy(record) else ""
    boots = any(edit.kind in (REBUILD, DESTROY) and changes.allowed(edit.kind, consents) for edit in edits)

    def why(edit: Edit) -> str:
        if edit.field in changes.HOSTS:
            return ""
        consented = changes.allowed(edit.kind, consents) or (boots and edit.kind is REBOOT)
        return way or (changes.missing(edit.kind) if not consented else AWAY if away and edit.kind in changes.CONSENTS else "")

    found = tuple(structs.replace(edit, held=why(edit)) for edit in edits)
    rest = {edit.field: edit.held for edit in found if edit.held and edit.field.startswith("flavor.")}
    return tuple(structs.replace(edit, held=next(iter(rest.values()))) if edit.field == "flavor" and rest else edit for edit in found)


def amended(record: Record, request: InstanceRequest, desired: Desired, edits: Sequence[Edit], disks: Disks) -> Instance:
    """The instance with the edits that are not held, and with what its hosts take over by themselves: its ports' security, what its networks tell, where
    it may be placed another time, what becomes of it when it ends. New ports are not among them: what they are plugged into, the host is to tell.

    What its changes still ask of a guest that runs is noted with it.
    """
    was, taken = record.instance, {edit.field for edit in edits if not edit.held}
    blanks = not any(edit.held for edit in edits if edit.field in ("flavor.ephemeral", "ephemerals"))
    flavor = _flavor(was.flavor, desired.flavors[request.flavor], taken, blanks)
    image = _image(was.image, request, desired, taken)
    ephemerals = request.ephemerals if blanks else _parts(was)
    networks = {name: _network(network, desired.networks.get(name, network), taken) for name, network in was.networks.items()}
    made = structs.replace(
        was,
        flavor=flavor,
        image=image,
        networks=networks,
        ports=_ports(record, request, desired),
        requested_zone=request.availability_zone,
        scheduler_hints=request.scheduler_hints,
        restart_policy=request.restart_policy,
        metadata={**{key: value for key, value in was.metadata.items() if f"metadata.{key}" not in taken}, **_metadata(request, taken)},
        tags=request.tags if "tags" in taken else was.tags,
    )
    if not taken:
        return made
    made = _told(made, request, desired, taken)
    return _due(record, _disks(record, made, disks(image, flavor, ephemerals), edits), edits)


def _flavor(was: Flavor, wished: Flavor, taken: Set[str], blanks: bool) -> Flavor:
    fields = [field for field in ("vcpus", "ram", "disk", "swap") if f"flavor.{field}" in taken]
    fields += ["name"] if "flavor" in taken else []
    fields += ["ephemeral"] if blanks else []
    values = {field: getattr(wished, field) for field in fields}
    return structs.replace(was, **values, extra_specs=_values(was.extra_specs, wished.extra_specs, "flavor.extra_specs.", taken))


def _network(was: Network, wished: Network, taken: Set[str]) -> Network:
    """The network as its hosts are to have it; its ports have the MTU that they were made with until it is taken over."""
    return wished if was.link_mtu == wished.link_mtu or f"network {was.name}: mtu" in taken else structs.replace(wished, mtu=was.link_mtu)


def _image(was: Image, request: InstanceRequest, desired: Desired, taken: Set[str]) -> Image:
    """Where an image comes from may change by itself; what it is, only with the disk that rests on its very bytes."""
    wished = desired.images.get(request.image)
    if wished is None or ("image" not in taken and (was.name, was.digest) != (wished.name, wished.digest)):
        return was
    if "image" in taken:
        return wished
    found = _values(was.properties, wished.properties, "image.properties.", taken)
    size = wished.virtual_size or was.virtual_size
    return structs.replace(wished, properties=found, virtual_size=size)


def _values(was: Mapping[str, str], wished: Mapping[str, str], prefix: str, taken: Set[str]) -> Mapping[str, str]:
    """The values, with those of the keys that are taken over."""
    keys = [key for key in dict.fromkeys((*was, *wished)) if (key in wished if f"{prefix}{key}" in taken else key in was)]
    return {key: wished[key] if f"{prefix}{key}" in taken else was[key] for key in keys}


def _metadata(request: InstanceRequest, taken: Set[str]) -> Mapping[str, str]:
    return {key: value for key, value in request.metadata.items() if f"metadata.{key}" in taken}


def _parts(instance: Instance) -> tuple[int, ...]:
    return tuple(disk.base.size >> 30 for disk in instance.disks if disk.name.startswith("disk.eph"))


def _told(instance: Instance, request: InstanceRequest, desired: Desired, taken: Set[str]) -> Instance:
    """What a guest is told at its first boot. A key is the one that is declared now, where the guest is made anew."""
    if "user_data" in taken:
        instance = structs.replace(instance, user_data=request.user_data)
    if "config_drive" in taken:
        instance = structs.replace(instance, config_drive=request.config_drive, datasource=request.datasource)
    if "keypair" in taken:
        key = desired.keypairs[request.keypair].public_key if request.keypair else None
        instance = structs.replace(instance, keypair=request.keypair, public_key=key)
    return instance


def _ports(record: Record, request: InstanceRequest, desired: Desired) -> tuple[Port, ...]:
    """Its ports, secured as is wished; those that it is to have no more are leaving, or are no more where nothing of it was built."""
    wishes = {port.id: wish for wish, port in zip(request.networks, compare.pairs(record.instance, request), strict=True) if port}
    found = []
    for port in record.instance.ports:
        if port.id in wishes:
            found.append(_secured(port, wishes[port.id], request, desired))
        elif compare.busy(record) or port.status == "detaching":
            found.append(port)
        elif not compare.unbuilt(record):
            found.append(structs.replace(port, status="detaching"))
    return tuple(found)


def _secured(port: Port, wish: NetworkRequest, request: InstanceRequest, desired: Desired) -> Port:
    groups = request.security_groups if wish.security_groups is None else wish.security_groups
    security = desired.networks[wish.network].port_security if wish.port_security is None else wish.port_security
    return structs.replace(port, security_groups=groups, port_security=security)


def _disks(record: Record, made: Instance, wished: Sequence[Disk], edits: Sequence[Edit]) -> Instance:
    """The instance with the disks that it is to have: those that there are grow, or stay; what cannot is noted to be made anew, by consent."""
    there = {disk.name: disk for disk in record.instance.disks}
    fresh = any(edit.kind is REBUILD or edit.field == "image" for edit in edits if not edit.held)
    fresh |= any(edit.field == "flavor.disk" and edit.kind is DESTROY for edit in edits if not edit.held)
    devices = {disk.device for disk in there.values()} | {each.device for each in made.volumes}
    renews, disks = [], []
    for disk in wished:
        old = there.get(disk.name)
        if old and (fresh if disk.name == "disk" else disk.base.path != old.base.path):
            disks.append(structs.replace(disk, device=old.device))
            renews.append(disk.name)
        elif old and not compare.unbuilt(record):
            disks.append(structs.replace(old, size=max(old.size, disk.size)))
        elif old:
            disks.append(structs.replace(disk, device=old.device))
        else:
            device = disk.device if disk.device not in devices else _free(devices)
            devices.add(device)
            disks.append(structs.replace(disk, device=device))
            renews.append(disk.name)
    renews += [name for name in there if name not in {disk.name for disk in wished}]
    renews += MADE_ANEW if fresh else ()
    built = () if compare.unbuilt(record) else tuple(dict.fromkeys((*made.renews, *renews)))
    return structs.replace(made, disks=tuple(disks), renews=built)


def _free(taken: Set[str]) -> str:
    return next(f"vd{letter}" for letter in LETTERS[1:] if f"vd{letter}" not in taken)


def _due(record: Record, made: Instance, edits: Sequence[Edit]) -> Instance:
    """The instance with what its changes ask of it, beside what earlier ones do."""
    kinds = {edit.kind for edit in edits if not edit.held}
    if compare.unbuilt(record) or not kinds & {REBOOT, NEXT_BOOT, REBUILD, DESTROY}:
        return made
    boots = made.due == "reboot" or bool(kinds & {REBOOT, REBUILD, DESTROY})
    return structs.replace(made, due="reboot" if boots else "update")
