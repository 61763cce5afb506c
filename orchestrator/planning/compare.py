"""What of a recorded instance the playbook now says otherwise."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence

import msgspec
from msgspec import structs

from orchestrator.commands import quoting
from orchestrator.model import names
from orchestrator.model.desired import Desired, Flavor, Image, InstanceRequest, Network, NetworkRequest
from orchestrator.model.instance import Base, Disk, Instance, Port

NONE = "none"


def differences(instance: Instance, request: InstanceRequest, desired: Desired) -> tuple[str, ...]:
    """`field: recorded -> wished`, for each field that a running instance cannot take over."""
    return (
        *_flavor(instance.flavor, desired.flavors[request.flavor]),
        *_fields(instance, request),
        *_ports(instance, request),
        *_networks(instance, desired),
        *_taken(instance, desired),
    )


def amended(instance: Instance, request: InstanceRequest, desired: Desired, anew: bool = False) -> Instance:
    """The instance with what changes while it runs taken over from the playbook: its ports' security, what its networks tell, a larger root disk, where
    it may be placed another time.

    `anew`: nothing of it is on its host, so that its image may be another one.
    """
    networks = {name: desired.networks.get(name, network) for name, network in instance.networks.items()}
    pairs = zip(instance.ports, request.networks, strict=False)
    ports = tuple(_secured(port, wish, request, desired) for port, wish in pairs)
    grown = _imaged(_grown(instance, desired.flavors[request.flavor]), desired.images.get(request.image), anew)
    asked = structs.replace(
        grown,
        requested_zone=request.availability_zone,
        scheduler_hints=request.scheduler_hints,
        restart_policy=request.restart_policy,
    )
    return structs.replace(asked, networks=networks, ports=ports if len(ports) == len(instance.ports) else instance.ports)


def _grown(instance: Instance, wished: Flavor) -> Instance:
    """A root disk grows where it is; nothing else of a flavor does."""
    if wished.name != instance.flavor.name or wished.disk <= instance.flavor.disk:
        return instance
    disks = tuple(structs.replace(disk, size=max(disk.size, wished.disk << 30)) if disk.name == "disk" else disk for disk in instance.disks)
    return structs.replace(instance, flavor=structs.replace(instance.flavor, disk=wished.disk), disks=disks)


def _imaged(instance: Instance, wished: Image | None, anew: bool) -> Instance:
    """Where an image comes from may change; what it is, only before the first build that went well: disks rest on its very bytes."""
    if wished is None or wished.name != instance.image.name:
        return instance
    if wished.digest == instance.image.digest and not anew:
        return structs.replace(instance, image=structs.replace(instance.image, source=wished.source, size=wished.size))
    if not anew:
        return instance
    disks = tuple(_rebased(disk, wished) if disk.base.kind == "image" else disk for disk in instance.disks)
    return structs.replace(instance, image=wished, disks=disks)


def _rebased(disk: Disk, image: Image) -> Disk:
    instances_path = posixpath.dirname(posixpath.dirname(disk.base.path))
    base = Base("image", names.base(instances_path, names.image_id(image.name, image.digest)), image.virtual_size)
    return structs.replace(disk, base=base, size=max(disk.size, image.virtual_size))


def _secured(port: Port, wish: NetworkRequest, request: InstanceRequest, desired: Desired) -> Port:
    groups = request.security_groups if wish.security_groups is None else wish.security_groups
    security = desired.networks[wish.network].port_security if wish.port_security is None else wish.port_security
    return structs.replace(port, security_groups=groups, port_security=security)


def _flavor(was: Flavor, wished: Flavor) -> Iterator[str]:
    if was.name != wished.name:
        yield f"flavor: {was.name} -> {wished.name}"
        return
    wished = structs.replace(wished, disk=min(was.disk, wished.disk))  # a larger one is taken over
    if was != wished:
        old, new = msgspec.to_builtins(was), msgspec.to_builtins(wished)
        yield f"flavor {was.name}: " + ", ".join(f"{field}: {old[field]} -> {new[field]}" for field in old if old[field] != new[field])


def _fields(instance: Instance, request: InstanceRequest) -> Iterator[str]:
    pairs = {
        "image": (instance.image.name or NONE, request.image or NONE),
        "boot_volume": (next((each.volume.name for each in instance.volumes if each.boot), NONE), request.boot_volume or NONE),
        "networks": (_list([port.network for port in instance.ports]), _list([wish.network for wish in request.networks])),
        "ephemerals": (_list(_parts(instance)), _list([str(size) for size in request.ephemerals])),
        "keypair": (instance.keypair or NONE, request.keypair or NONE),
        "config_drive": (_drive(instance), _drive(request)),
        **_metadata(instance.metadata, request.metadata),
        "tags": (_list(instance.tags), _list(request.tags)),
        "server_group": (instance.server_group or NONE, request.server_group or NONE),
        "project": (instance.project, request.project),
    }
    yield from (f"{name}: {was} -> {wished}" for name, (was, wished) in pairs.items() if was != wished)
    if instance.user_data != request.user_data:  # not shown: it may be long, and secret
        yield "user_data: " + ("is new" if instance.user_data is None else "is gone" if request.user_data is None else "differs")


def _parts(instance: Instance) -> list[str]:
    """GiB of each ephemeral disk that was asked for by itself."""
    return [str(disk.base.size >> 30) for disk in instance.disks if disk.name.startswith("disk.eph")]


def _metadata(was: Mapping[str, str], wished: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    return {
        f"metadata.{key}": (_value(was, key), _value(wished, key))
        for key in dict.fromkeys((*was, *wished))
        if was.get(key) != wished.get(key)
    }


def _value(metadata: Mapping[str, str], key: str) -> str:
    return quoting.line(metadata[key]) or "''" if key in metadata else NONE


def _list(words: Sequence[str]) -> str:
    return ", ".join(words) or NONE


def _drive(of: Instance | InstanceRequest) -> str:
    return of.datasource if of.config_drive else "false"


def _networks(instance: Instance, desired: Desired) -> Iterator[str]:
    """What network a name stands for; what the network tells its ports may change while they run."""
    for name, was in instance.networks.items():
        wished = desired.networks.get(name, was)
        for field in ("type", "physical_network", "segmentation_id", "driver"):
            if getattr(was, field) != getattr(wished, field):
                yield f"network {name}: {field}: {getattr(was, field) or NONE} -> {getattr(wished, field) or NONE}"


def clash(network: Network, instances: Sequence[Instance]) -> str:
    """Why the network cannot be: it is recorded as another one, or its segment is another one's; "" when it can."""
    for instance in instances:
        for name, other in instance.networks.items():
            if name == network.name and _provider(other) != _provider(network):
                return f"instance {instance.name!r} has it as {_segment(other)}"
            if name != network.name and _provider(other) == _provider(network) and _alone(network, other):
                return f"that segment is network {name!r} of instance {instance.name!r}"
    return ""


def _provider(network: Network) -> tuple[str, str, int | None]:
    return network.type, network.physical_network, network.segmentation_id


def _alone(network: Network, other: Network) -> bool:
    """Whether two names for one segment do harm: they would share its devices, or its DHCP server."""
    return network.type != "flat" or any(subnet.dhcp or subnet.nat for each in (network, other) for subnet in each.subnets)


def _segment(network: Network) -> str:
    return " ".join(str(each) for each in _provider(network) if each)


def _taken(instance: Instance, desired: Desired) -> Iterator[str]:
    """Addresses of the instance that the network now gives to its gateway or its DHCP server."""
    for port in instance.ports:
        for subnet in desired.networks[port.network].subnets if port.network in desired.networks else ():
            owners = {subnet.dhcp_server: "the DHCP server's"} if subnet.dhcp else {}
            owners |= {subnet.gateway: "the gateway's"} if subnet.gateway else {}
            yield from (f"fixed_ip {address}: this instance's -> {owners[address]}" for address in port.fixed_ips if address in owners)


def _ports(instance: Instance, request: InstanceRequest) -> Iterator[str]:
    for port, wish in zip(instance.ports, request.networks, strict=False):
        if wish.fixed_ip and wish.fixed_ip not in port.fixed_ips:
            yield f"fixed_ip: {_list(port.fixed_ips)} -> {wish.fixed_ip}"
        if wish.mac and wish.mac != port.mac:
            yield f"mac: {port.mac} -> {wish.mac}"
