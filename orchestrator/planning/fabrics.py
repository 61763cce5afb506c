"""What each host's instances share, worked out from all records: a pure function of what is recorded and wished for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from msgspec import Struct, field
from msgspec.structs import replace

from orchestrator.model import desired
from orchestrator.model.fabric import Fabric, Group, Lease, Segment, segment_id
from orchestrator.model.host import Host
from orchestrator.model.instance import Instance, Port

UNKNOWN = "?"
"""Stands for a digest while nobody knows what is on the host."""


class World(Struct, frozen=True, dict=True):  # without slots, for what is worked out once
    """Every instance of the store, on whatever host, the groups and networks as they are to be, and the inventory's hosts."""

    lineage: str
    instances: Sequence[Instance]
    groups: Mapping[str, desired.SecurityGroup]
    hosts: Mapping[str, Host]
    networks: Mapping[str, desired.Network] = field(default_factory=dict)

    @cached_property
    def by_host(self) -> dict[str, list[Instance]]:
        """Instances of each host: looked for once, however many hosts there are."""
        found: dict[str, list[Instance]] = {}
        for instance in map(_own, self.instances):
            found.setdefault(instance.host, []).append(instance)
        return found

    @cached_property
    def by_network(self) -> dict[str, dict[str, Instance]]:
        """Of each network, an instance in it on each of its hosts: the last."""
        found: dict[str, dict[str, Instance]] = {}
        for instance in self.instances:
            for port in instance.ports:
                found.setdefault(port.network, {})[instance.host] = instance
        return found

    @cached_property
    def members(self) -> dict[str, tuple[str, ...]]:
        """Addresses of each group's ports, in order."""
        found: dict[str, set[str]] = {}
        for port in (port for instance in self.instances for port in instance.ports if port.port_security):
            for name in port.security_groups:
                found.setdefault(name, set()).update(port.fixed_ips)
        return {name: tuple(sorted(each)) for name, each in found.items()}


def _own(instance: Instance) -> Instance:
    """The instance with the ports that are made here: of a tap that libvirt names there is nothing to be plugged, served or judged."""
    if all(port.tap for port in instance.ports):
        return instance
    return replace(instance, ports=tuple(port for port in instance.ports if port.tap))


def of(world: World, host: str) -> Fabric:
    """The fabric of one host."""
    here = world.by_host.get(host, [])
    ports = sorted((port for instance in here for port in instance.ports), key=lambda port: port.id)
    return Fabric(
        host=host,
        lineage=world.lineage,
        segments=tuple(_segments(world, host, here)),
        ports=tuple(ports),
        groups=_groups(world, ports),
    )


def digest(fabric: Fabric) -> str:
    """sha256 over all of it, "" when there is nothing in it: what was made once is known by this."""
    return hashlib.sha256(repr(fabric).encode()).hexdigest() if fabric.ports else ""


def _segments(world: World, host: str, here: Sequence[Instance]) -> Iterator[Segment]:
    wanted = {port.network: (instance.networks[port.network], port) for instance in here for port in instance.ports}
    leases: dict[str, list[Lease]] = {}
    for instance in sorted(here, key=lambda instance: instance.name):
        for each in instance.ports:
            leases.setdefault(each.network, []).append(Lease(each, instance.name))
    for name, (recorded, port) in sorted(wanted.items()):
        network = world.networks.get(name, recorded)
        yield Segment(
            network=network,
            id=segment_id(world.lineage, network),
            bridge=port.switch or port.bridge,
            interface=port.interface,
            local_ip=world.hosts[host].tunnel_end if network.type == "vxlan" else "",
            peers=tuple(_peers(world, host, network.name)) if network.type == "vxlan" else (),
            leases=tuple(leases[network.name]),
        )


def _peers(world: World, host: str, network: str) -> list[str]:
    """Where the network's tunnels end on other hosts: as the inventory says, for one that it does not name as it was."""
    others = ((name, each) for name, each in world.by_network.get(network, {}).items() if name != host)
    ends = (world.hosts[name].tunnel_end if name in world.hosts else each.tunnel_end for name, each in others)
    return sorted(filter(None, ends))


def _groups(world: World, ports: Sequence[Port]) -> dict[str, Group]:
    """Groups of the ports, and those that rules of them name: of these alone it matters here who their members are."""
    own = {name for port in ports if port.port_security for name in port.security_groups}
    rules = {name: _rules(world, name) for name in own}
    remote = {rule.remote_group for each in rules.values() for rule in each if rule.remote_group}
    return {name: Group(name, rules.get(name, ()), world.members.get(name, ()) if name in remote else ()) for name in sorted(own | remote)}


def _rules(world: World, name: str) -> tuple[desired.Rule, ...]:
    """The group's rules; of a group that nobody declares any more, none: it lets nothing through."""
    found = world.groups.get(name) or (desired.default_group() if name == desired.DEFAULT_GROUP else None)
    return found.rules if found else ()
