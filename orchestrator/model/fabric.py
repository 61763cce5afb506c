"""What the instances of one host share: worked out from everything that is recorded, and the same whenever it is worked out."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from orchestrator.model import desired, names
from orchestrator.model.instance import Port


def segment_id(lineage: str, network: desired.Network) -> str:
    """Id of a network: a flat one is what its physical network is, the others are known by their names."""
    return names.network_id(lineage, network.physical_network if network.type == "flat" else f"{network.type}/{network.name}")


class Lease(Struct, frozen=True):
    """What DHCP tells one port of the host: its addresses (both IP versions) and its host name."""

    port: Port
    hostname: str


class Segment(Struct, frozen=True):
    """A network as it is on this host: `bridge` is a Linux bridge, or with the driver openvswitch an Open vSwitch one.

    `interface` is the physical interface that belongs into it, for a VLAN the one that the VLAN is on. `local_ip` and `peers` are the ends of
    a VXLAN's tunnels: this host's, and those of every other host with a port in the network.
    """

    network: desired.Network
    id: str
    bridge: str
    interface: str | None = None
    local_ip: str = ""
    peers: tuple[str, ...] = ()
    leases: tuple[Lease, ...] = ()

    @property
    def mtu(self) -> int:
        """Bytes, as the guests are told them."""
        return self.network.link_mtu


class Group(Struct, frozen=True):
    """A security group that a port here has, or a rule here names. `members`: addresses of its ports on all hosts, sorted."""

    name: str
    rules: tuple[desired.Rule, ...]
    members: tuple[str, ...]


class Fabric(Struct, frozen=True):
    """Everything shared of one host. `lineage` is the store's: what it owns on hosts carries it, and nothing else is ever touched."""

    host: str
    lineage: str
    segments: tuple[Segment, ...] = ()
    ports: tuple[Port, ...] = ()
    groups: Mapping[str, Group] = field(default_factory=dict)
