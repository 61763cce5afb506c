"""What of a recorded instance the playbook now says otherwise, and what class of change each is (planning/changes.py)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import structs

from orchestrator.commands import quoting
from orchestrator.model.desired import Desired, Flavor, Image, InstanceRequest, Network, NetworkRequest
from orchestrator.model.instance import Instance, Port, Record
from orchestrator.planning import shapes
from orchestrator.planning.changes import DESTROY, FIXED, LIVE, NEXT_BOOT, REBOOT, REBUILD, TABLE, Edit, Kind
from orchestrator.states.instance import TABLE as LIFE

NONE = "none"
PORT = "port"
BLANKS = ("flavor.ephemeral", "flavor.swap", "ephemerals")
"""Changes of disks that are made anew: those of a guest that is off take a boot as well."""


def edits(record: Record, request: InstanceRequest, desired: Desired) -> tuple[Edit, ...]:
    """Every difference, none of them held yet."""
    instance = record.instance
    found = (
        *_flavor(instance, request, desired.flavors[request.flavor]),
        *_image(instance, request, desired.images.get(request.image)),
        *_fields(instance, request, desired),
        *_ports(instance, request),
        *_security(instance, request, desired),
        *_networks(instance, desired),
        *_taken(instance, desired),
    )
    return tuple(structs.replace(edit, kind=_kind(edit, record)) for edit in found)


def unbuilt(record: Record) -> bool:
    """Whether nothing of the instance is on its host: all of it may be another, but what it was placed by."""
    return record.state == "ERROR" and not record.instance.launched


def busy(record: Record) -> bool:
    """Whether an earlier run left it on its way somewhere: what it is then given would not be what it arrives with."""
    return LIFE.state(record.state).busy


def _kind(edit: Edit, record: Record) -> Kind:
    """The class, as the instance is now: who is off needs no reboot, and of what was never built nothing is lost."""
    if edit.kind is FIXED:
        return FIXED
    if unbuilt(record):
        return LIVE
    if edit.kind is REBOOT and record.state == "STOPPED" and edit.field not in BLANKS:
        return NEXT_BOOT
    if edit.kind is REBUILD and not record.instance.image.name:
        return FIXED  # it has no disk of its own that could be made anew
    if record.instance.definition and edit.kind in (REBOOT, REBUILD, DESTROY):
        return FIXED  # it stays what those made it who made it
    return edit.kind


def _flavor(instance: Instance, request: InstanceRequest, wished: Flavor) -> Iterator[Edit]:
    was = instance.flavor
    if was.name != wished.name:
        yield Edit("flavor", was.name, wished.name, TABLE["Flavor"]["name"].kind)
    for field in ("vcpus", "ram"):
        if getattr(was, field) != getattr(wished, field):
            yield _edit(f"flavor.{field}", getattr(was, field), getattr(wished, field), shapes.size(was, wished))
    if was.disk != wished.disk:
        yield _edit("flavor.disk", was.disk, wished.disk, LIVE if shapes.root(instance, wished) else DESTROY)
    if was.ephemeral != wished.ephemeral:
        yield _edit("flavor.ephemeral", was.ephemeral, wished.ephemeral, shapes.blanks(instance, wished, request.ephemerals))
    if was.swap != wished.swap:
        yield _edit("flavor.swap", was.swap, wished.swap, TABLE["Flavor"]["swap"].kind)
    kinds = shapes.specs(instance, wished.extra_specs) if was.extra_specs != wished.extra_specs else {}
    for key, (old, new) in _mapping(was.extra_specs, wished.extra_specs).items():
        yield Edit(f"flavor.extra_specs.{key}", old, new, kinds[key])


def _image(instance: Instance, request: InstanceRequest, wished: Image | None) -> Iterator[Edit]:
    was = instance.image
    if was.name != request.image:
        kind = TABLE["Image"]["name"].kind if was.name and request.image else FIXED
        yield Edit("image", was.name or NONE, request.image or NONE, kind)
    elif wished and (was.algorithm, was.digest) != (wished.algorithm, wished.digest):
        yield Edit("image", f"{was.name} {was.digest[:12]}", f"{was.name} {wished.digest[:12]}", TABLE["Image"]["digest"].kind)
    elif wished:
        kinds = shapes.properties(instance, wished.properties) if was.properties != wished.properties else {}
        for key, (old, new) in _mapping(was.properties, wished.properties).items():
            yield Edit(f"image.properties.{key}", old, new, kinds[key])


def _fields(instance: Instance, request: InstanceRequest, desired: Desired) -> Iterator[Edit]:
    parts = [str(disk.base.size >> 30) for disk in instance.disks if disk.name.startswith("disk.eph")]
    pairs = {
        "boot_volume": (next((each.volume.name for each in instance.volumes if each.boot), NONE), request.boot_volume or NONE),
        "ephemerals": (_list(parts), _list([str(size) for size in request.ephemerals])),
        "keypair": (instance.keypair or NONE, request.keypair or NONE),
        "config_drive": (_drive(instance), _drive(request)),
        "tags": (_list(instance.tags), _list(request.tags)),
        "server_group": (instance.server_group or NONE, request.server_group or NONE),
        "project": (instance.project, request.project),
    }
    for name, (was, will) in pairs.items():
        if was != will:
            blanks = name == "ephemerals"
            kind = (
                shapes.blanks(instance, desired.flavors[request.flavor], request.ephemerals)
                if blanks
                else TABLE["InstanceRequest"][name].kind
            )
            yield Edit(name, was, will, kind)
    for key, (was, will) in _mapping(instance.metadata, request.metadata).items():
        yield Edit(f"metadata.{key}", was, will, TABLE["InstanceRequest"]["metadata"].kind)
    if instance.user_data != request.user_data:  # not shown: it may be long, and secret
        said = "is new" if instance.user_data is None else "is gone" if request.user_data is None else "differs"
        yield Edit("user_data", "", said, TABLE["InstanceRequest"]["user_data"].kind)


def _edit(field: str, was: int, will: int, kind: Kind) -> Edit:
    return Edit(field, str(was), str(will), kind)


def _mapping(was: Mapping[str, str], wished: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """The keys that differ, as they are shown."""
    return {key: (_value(was, key), _value(wished, key)) for key in dict.fromkeys((*was, *wished)) if was.get(key) != wished.get(key)}


def _value(values: Mapping[str, str], key: str) -> str:
    return quoting.line(values[key]) or "''" if key in values else NONE


def _list(words: Sequence[str]) -> str:
    return ", ".join(words) or NONE


def _drive(of: Instance | InstanceRequest) -> str:
    return of.datasource if of.config_drive else "false"


def pairs(instance: Instance, request: InstanceRequest) -> tuple[Port | None, ...]:
    """For each port that is asked for, the one of the instance's that is that; None: it has none yet. Those that say more of themselves choose first."""
    left = [port for port in instance.ports if port.status != "detaching"]
    found: dict[int, Port] = {}
    order = sorted(enumerate(request.networks), key=lambda each: (each[1].mac is None, each[1].fixed_ip is None))
    for number, wish in order:
        port = next((each for each in left if _is(each, wish)), None)
        if port:
            left.remove(port)
            found[number] = port
    return tuple(found.get(number) for number in range(len(request.networks)))


def _is(port: Port, wish: NetworkRequest) -> bool:
    address = not wish.fixed_ip or wish.fixed_ip in port.fixed_ips
    return port.network == wish.network and address and (not wish.mac or wish.mac == port.mac)


def _ports(instance: Instance, request: InstanceRequest) -> Iterator[Edit]:
    """Ports to be plugged in, and out."""
    paired = pairs(instance, request)
    for port in instance.ports:
        if port.status != "detaching" and port not in paired:
            yield Edit(PORT, _list([port.network, *port.fixed_ips]), NONE, LIVE if port.tap else FIXED)
    for wish, found in zip(request.networks, paired, strict=True):
        if found is None:
            yield Edit(PORT, NONE, _list([word for word in (wish.network, wish.fixed_ip, wish.mac) if word]), LIVE)


def _security(instance: Instance, request: InstanceRequest, desired: Desired) -> Iterator[Edit]:
    """What its hosts let through to the ports that stay, and from them; rules are by taps, so that none is of one that libvirt names."""
    for wish, port in zip(request.networks, pairs(instance, request), strict=True):
        groups = request.security_groups if wish.security_groups is None else wish.security_groups
        if port and port.security_groups != groups:
            yield Edit("security_groups", _list(port.security_groups), _list(groups), LIVE)
        network = desired.networks.get(wish.network)
        security = network.port_security if network and wish.port_security is None else wish.port_security
        if port and security is not None and port.port_security != security:
            yield Edit("port_security_enabled", str(port.port_security).lower(), str(security).lower(), LIVE if port.tap else FIXED)


def _networks(instance: Instance, desired: Desired) -> Iterator[Edit]:
    """What network a name stands for, and what its ports are given when they are made; all else of it may change while they run."""
    for name, was in instance.networks.items():
        wished = desired.networks.get(name, was)
        for field in ("type", "physical_network", "segmentation_id", "driver"):
            if getattr(was, field) != getattr(wished, field):
                old, new = (str(getattr(each, field) or NONE) for each in (was, wished))
                yield Edit(f"network {name}: {field}", old, new, TABLE["Network"][field].kind)
        if was.link_mtu != wished.link_mtu:
            yield _edit(f"network {name}: mtu", was.link_mtu, wished.link_mtu, TABLE["Network"]["mtu"].kind)


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


def _taken(instance: Instance, desired: Desired) -> Iterator[Edit]:
    """Addresses of the instance that the network now gives to its gateway or its DHCP server."""
    for port in instance.ports:
        for subnet in desired.networks[port.network].subnets if port.network in desired.networks else ():
            owners = {subnet.dhcp_server: "the DHCP server's"} if subnet.dhcp else {}
            owners |= {subnet.gateway: "the gateway's"} if subnet.gateway else {}
            for address in port.fixed_ips:
                if address in owners:
                    yield Edit(f"fixed_ip {address}", "this instance's", owners[address], FIXED)
