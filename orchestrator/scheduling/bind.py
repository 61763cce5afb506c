"""A wish bound to a host: every id, name, address and path of the new instance, fixed before the first command.

Ids come from the store's lineage and the instance's number, which is never used twice: a plan shows the very commands that apply runs.
"""

from __future__ import annotations

import itertools
import string
import uuid
from collections.abc import Mapping, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from orchestrator.facts import link
from orchestrator.facts.gather import Facts
from orchestrator.model import errors, fabric, names
from orchestrator.model.desired import NO_IMAGE, Desired, Flavor, Image, InstanceRequest, Network, NetworkRequest
from orchestrator.model.host import Host
from orchestrator.model.instance import Base, Device, Disk, Instance, Port
from orchestrator.model.volume import Volume
from orchestrator.scheduling import addresses, numa, pci, volumes
from orchestrator.scheduling.host_state import HostState

GIB, MIB = 1 << 30, 1 << 20
LETTERS = string.ascii_lowercase
EPHEMERAL = "40d1d2c"
"""First 7 hex digits of md5 of the ext4 command: Nova's name for the file system of an ephemeral base."""


class Binding(Struct, frozen=True):
    """What a wish is bound to. `facts` of the host tell its physical networks' devices."""

    desired: Desired
    lineage: str
    number: int
    place: HostState
    facts: Facts
    taken: addresses.Taken
    volumes: Mapping[str, Volume] = field(default_factory=dict)  # those of the wish, by name


def bind(request: InstanceRequest, to: Binding, ports: Sequence[Port] = ()) -> Instance:
    """The instance, everything about it fixed. `ports`: what it had on another host; it keeps their addresses. Raises Conflict when one is taken."""
    host = to.place.host
    own = names.instance_id(to.lineage, to.number)
    directory = f"{host.instances_path}/{own}"
    key = to.desired.keypairs[request.keypair] if request.keypair else None
    made_of = image(request, to.desired, to.volumes)
    flavor = to.desired.flavors[request.flavor]
    cells = numa.fit(to.place, flavor) or ()  # None where nothing asks for room on nodes: then wherever there is some
    made = Instance(
        uuid=own,
        name=request.name,
        domain=names.domain(to.number),
        host=host.name,
        directory=directory,
        virt_type=to.place.capacity.virt_type,
        lineage=to.lineage,
        flavor=flavor,
        image=made_of,
        disks=disks(directory, host.instances_path, made_of, flavor, request.ephemerals),
        ports=_ports(request, own, to, ports),
        networks={wish.network: to.desired.networks[wish.network] for wish in request.networks},
        public_key=key.public_key if key else None,
        keypair=request.keypair,
        availability_zone=host.availability_zone,
        user_data=request.user_data,
        config_drive=request.config_drive,
        datasource=request.datasource,
        metadata=request.metadata,
        tags=request.tags,
        tunnel_end=host.tunnel_end,
        server_group=request.server_group,
        project=request.project,
        devices=_devices(request, to.place, flavor),
        cells=cells,
        cpusets=tuple(_cpuset(to.place, cell) for cell in cells),
        requested_zone=request.availability_zone,
        scheduler_hints=request.scheduler_hints,
        restart_policy=request.restart_policy,
    )
    return volumes.attach(request, to.volumes, made, host)


def _devices(request: InstanceRequest, place: HostState, flavor: Flavor) -> tuple[Device, ...]:
    """The PCI devices that it asks for. Raises Conflict when there are too few: the prefilter on them was not asked."""
    found = pci.choose(place, flavor)
    if found is None:
        raise errors.Conflict(f"instance {request.name!r} cannot have its PCI devices on {place.host.name}", request.where)
    return found


def _cpuset(place: HostState, cell: int) -> str:
    """The processors of a NUMA node of the host, as libvirt takes them: runs of numbers with commas between."""
    cpus = next(each.cpus for each in place.capacity.cells if each.id == cell)
    runs = [tuple(cpu for _, cpu in run) for _, run in itertools.groupby(enumerate(cpus), lambda pair: pair[1] - pair[0])]
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def image(request: InstanceRequest, desired: Desired, own: Mapping[str, Volume]) -> Image:
    """What it is made of; without an image, its boot volume's image says what hardware it wants (nova `volume_image_metadata`)."""
    if request.image:
        return desired.images[request.image]
    boot = own.get(request.boot_volume or "")
    return replace(NO_IMAGE, properties=boot.image.properties if boot and boot.image else {})


class Socket(Struct, frozen=True):
    """What a port is plugged into: a host, with the facts that tell its physical networks' devices, in a store."""

    lineage: str
    host: Host
    facts: Facts


def more(
    instance: Instance, request: InstanceRequest, wishes: Sequence[NetworkRequest], to: Socket, taken: addresses.Taken
) -> tuple[Port, ...]:
    """New ports of an instance that exists, still to be attached; `request` says what they share. Raises Conflict when an address is taken."""
    known = {port.id for port in instance.ports}
    numbers = (number for number in itertools.count() if _port_id(instance.uuid, number) not in known)
    made: list[Port] = []
    for wish, number in zip(wishes, numbers, strict=False):
        identity, network = _port_id(instance.uuid, number), instance.networks[wish.network]
        bridge, interface, switch = _plug(network, identity, to)
        made.append(
            Port(
                id=identity,
                network=wish.network,
                mac=taken.mac(identity, wish, request.where, made),
                tap=names.tap(identity),
                bridge=bridge,
                fixed_ips=taken.fixed_ips(network, wish, request.where, made),
                interface=interface,
                security_groups=request.security_groups if wish.security_groups is None else wish.security_groups,
                port_security=network.port_security if wish.port_security is None else wish.port_security,
                switch=switch,
                status="attaching",
            )
        )
    return tuple(made)


def _port_id(instance: str, number: int) -> str:
    return str(uuid.uuid5(uuid.UUID(instance), f"port/{number}"))


def _ports(request: InstanceRequest, instance: str, to: Binding, kept: Sequence[Port]) -> tuple[Port, ...]:
    ports: list[Port] = []
    for number, wish in enumerate(request.networks):
        identity = _port_id(instance, number)
        network = to.desired.networks[wish.network]
        bridge, interface, switch = _plug(network, identity, Socket(to.lineage, to.place.host, to.facts))
        same = next((port for port in kept if port.id == identity and port.network == wish.network), None)
        ports.append(
            Port(
                id=identity,
                network=wish.network,
                mac=same.mac if same else to.taken.mac(identity, wish, request.where, ports),
                tap=names.tap(identity),
                bridge=bridge,
                fixed_ips=same.fixed_ips if same else to.taken.fixed_ips(network, wish, request.where, ports),
                interface=interface,
                security_groups=request.security_groups if wish.security_groups is None else wish.security_groups,
                port_security=network.port_security if wish.port_security is None else wish.port_security,
                switch=switch,
            )
        )
    return tuple(ports)


def _plug(network: Network, port_id: str, to: Socket) -> tuple[str, str | None, str | None]:
    """The port's Linux bridge on the host, the interface that belongs into the network there, and the Open vSwitch bridge.

    What the host's physical network names is an interface, for which a bridge is made, or a bridge, which is made where it is not there.
    """
    own = names.bridge(fabric.segment_id(to.lineage, network))
    if network.type == "vxlan":
        return own, None, None
    device = to.host.physical_networks[network.physical_network]
    found = to.facts[link.Key(device)]
    kind = found.kind if isinstance(found, link.Link) else None
    if network.driver == "openvswitch":
        switch = names.switch(names.network_id(to.lineage, f"openvswitch/{network.physical_network}"))
        interface, switch = (None, device) if kind in (None, *link.SWITCHES) else (device, switch)
        return names.hybrid(port_id)[0], interface, switch
    if network.type == "flat" and kind in (None, "bridge"):
        return device, None, None
    return own, device, None


def disks(directory: str, instances_path: str, made_of: Image, flavor: Flavor, ephemerals: Sequence[int]) -> tuple[Disk, ...]:
    """disk, disk.local, disk.swap, as far as the flavor asks for them; none is the root disk of who boots from a volume.

    The flavor's ephemeral disk may be asked for in parts: disk.eph0, disk.eph1 ... A root disk of 0 GiB is as large as its image (Nova).
    """
    root = Base("image", names.base(instances_path, names.image_id(made_of.name, made_of.digest)), made_of.virtual_size)
    sizes = {f"disk.eph{number}": size for number, size in enumerate(ephemerals)} or {"disk.local": flavor.ephemeral}
    blanks = {name: Base("ephemeral", f"{instances_path}/_base/ephemeral_{size}_{EPHEMERAL}", size * GIB) for name, size in sizes.items()}
    swap = Base("swap", f"{instances_path}/_base/swap_{flavor.swap}", flavor.swap * MIB)
    wanted = [("disk", flavor.disk * GIB or made_of.virtual_size, root)] if made_of.name else []
    wanted += [(name, blank.size, blank) for name, blank in blanks.items() if blank.size]
    wanted += [("disk.swap", swap.size, swap)] if flavor.swap else []
    return tuple(
        Disk(name, f"vd{letter}", f"{directory}/{name}", size, base)
        for letter, (name, size, base) in zip(LETTERS if made_of.name else LETTERS[1:], wanted, strict=False)
    )
