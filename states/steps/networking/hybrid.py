"""What is between an instance's port and its Open vSwitch bridge (nova `ovs_hybrid_plug`): the port's own Linux bridge, where its rules work, and a veth pair.

tap - qbr (bridge) - qvb - qvo - Open vSwitch bridge, tag
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set

from msgspec import Struct

from orchestrator.commands.command import Command
from orchestrator.facts import link, ovs
from orchestrator.facts.gather import Facts, Key
from orchestrator.model import fabric, names
from orchestrator.model.instance import Instance, Port


class Plug(Struct, frozen=True):
    """One port's plumbing."""

    port: Port
    switch: str
    tag: int  # 0: untagged, and nothing else
    mtu: int
    vm: str
    owner: str

    @property
    def devices(self) -> tuple[str, str, str]:
        return names.hybrid(self.port.id)

    @property
    def keys(self) -> tuple[Key, ...]:
        return (*(link.Key(name) for name in self.devices), ovs.Key(self.devices[2]))

    @property
    def wanted(self) -> Mapping[Key, object]:
        """What is to be of it."""
        bridge, near, far = self.devices
        ids = {"attached-mac": self.port.mac, "iface-id": self.port.id, ovs.OWNER: self.owner, "vm-uuid": self.vm}
        return {
            link.Key(bridge): link.Link("bridge", None, True, self.owner, mtu=self.mtu),
            link.Key(near): link.Link("veth", bridge, True, self.owner, mtu=self.mtu),
            link.Key(far): link.Link("veth", None, True, self.owner, mtu=self.mtu),
            ovs.Key(far): ovs.Port(self.switch, self.tag, ids),
        }


def plugs(instance: Instance) -> tuple[Plug, ...]:
    """Those of its ports on Open vSwitch."""
    return tuple(_plug(instance, port, port.switch) for port in instance.ports if port.switch)


def staying(instance: Instance) -> tuple[Plug, ...]:
    """Those that are not to leave it."""
    return tuple(plug for plug in plugs(instance) if plug.port.status != "detaching")


def leaving(instance: Instance) -> tuple[Plug, ...]:
    """Those that are."""
    return tuple(plug for plug in plugs(instance) if plug.port.status == "detaching")


def there(plug: Plug, facts: Facts) -> set[Key]:
    """What there is of it. An Open vSwitch that does not answer may still know the port of a device that is there."""
    found = {key for key in plug.keys if facts[key] is not None}
    return found | ({ovs.Key(plug.devices[2])} if link.Key(plug.devices[2]) in found else set())


def _plug(instance: Instance, port: Port, switch: str) -> Plug:
    network = instance.networks[port.network]
    tag = int(network.segmentation_id or 0) if network.type == "vlan" else 0
    mtu = fabric.Segment(network, "", switch).mtu
    return Plug(port, switch, tag, mtu, instance.uuid, names.owner(instance.lineage))


def removal(plug: Plug, what: Set[Key]) -> Iterator[Command]:
    """Takes these keys' things away; tolerates `already gone`."""
    bridge, near, far = plug.devices
    if ovs.Key(far) in what:
        yield Command((*ovs.VSCTL, "--if-exists", "del-port", far))
    if {link.Key(near), link.Key(far)} & what:
        yield Command(("ip", "link", "del", "dev", far), accepts=(0, 1))
    if link.Key(bridge) in what:
        yield Command(("ip", "link", "del", "dev", bridge), accepts=(0, 1))
