"""Which networks of a host need a namespace, and how it is plugged in.

The namespace stands in the network like any other machine: what it says to guests, and guests to it, is bridged, so the rules of a guest's port
judge it. It has the same addresses on every host, and speaks to guests of its own host alone.
"""

from __future__ import annotations

import ipaddress

from orchestrator.facts import dhcp
from orchestrator.model.desired import Subnet
from orchestrator.model.fabric import Fabric, Segment


def wanted(fabric: Fabric) -> tuple[Segment, ...]:
    """The networks that have a subnet with DHCP or NAT."""
    return tuple(segment for segment in fabric.segments if served(segment))


def served(segment: Segment) -> tuple[Subnet, ...]:
    """The network's subnets with DHCP or NAT."""
    return tuple(subnet for subnet in segment.network.subnets if subnet.dhcp or subnet.nat)


def network(segment: Segment) -> str:
    """What names are made of."""
    return segment.id[: dhcp.DIGITS]


def device(segment: Segment) -> str:
    """The host's end of the cable: 13 characters, the kernel allows 15."""
    return f"dh{network(segment)}"


def folder(owner: str, segment: Segment) -> str:
    """Where the leases lie, and dnsmasq's pid."""
    return f"{dhcp.ROOT}/{dhcp.namespace(owner, segment.id)}"


def plug(segment: Segment) -> str:
    """The bridge, or the switch and the VLAN's tag, as facts have it."""
    return f"{segment.bridge} {tag(segment)}".rstrip()


def tag(segment: Segment) -> str:
    """The tag on an Open vSwitch bridge, 0 for what is untagged; "" on a Linux bridge."""
    return str(segment.network.segmentation_id or 0) if segment.network.driver == "openvswitch" else ""


def addresses(segment: Segment) -> tuple[str, ...]:
    """Of the namespace, with prefix lengths, sorted: each subnet's DHCP server, which with NAT is its gateway."""
    found = ((subnet.dhcp_server, ipaddress.ip_network(subnet.cidr).prefixlen) for subnet in served(segment))
    return tuple(sorted(ipaddress.ip_interface(f"{address}/{length}").with_prefixlen for address, length in found if address))
