"""What lets a network's guests out, and nobody in: rules in its namespace, which is their gateway, and on its host, under whose address they go.

Guests reach the host itself by ping alone. New connections come from the guests' side only.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection

from orchestrator.drivers.dhcp import site
from orchestrator.facts import dhcp, gateway
from orchestrator.model.desired import Subnet
from orchestrator.model.fabric import Fabric, Segment

METADATA = 5375
"""The pair of transit addresses that is never used: guests ask 169.254.169.254 for their metadata."""
KNOWN = "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
PING = "-p icmp -m icmp --icmp-type 8 -j ACCEPT"


def wanted(fabric: Fabric) -> tuple[Segment, ...]:
    """The networks with NAT, by id."""
    return tuple(sorted((each for each in fabric.segments if subnets(each)), key=lambda segment: segment.id))


def subnets(segment: Segment) -> tuple[Subnet, ...]:
    """The network's subnets with NAT."""
    return tuple(subnet for subnet in segment.network.subnets if subnet.nat)


def cidrs(segment: Segment) -> tuple[str, ...]:
    """What may go out."""
    return tuple(str(ipaddress.ip_network(subnet.cidr)) for subnet in subnets(segment))


def inside(segment: Segment) -> tuple[str, ...]:
    """The namespace's policies and rules, as facts have them."""
    within, out = dhcp.INSIDE, gateway.OUT
    return (
        *("filter INPUT DROP", "filter FORWARD DROP", "filter OUTPUT ACCEPT"),
        f"filter -A INPUT {KNOWN}",
        f"filter -A INPUT -i {within} {PING}",
        f"filter -A INPUT -i {within} -p udp -m udp --dport 67 -j ACCEPT",
        f"filter -A FORWARD {KNOWN}",
        *(f"filter -A FORWARD -s {cidr} -i {within} -o {out} -j ACCEPT" for cidr in cidrs(segment)),
        *(f"nat {chain} ACCEPT" for chain in ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING")),
        f"nat -A POSTROUTING -o {out} -j MASQUERADE",
    )


def outside(owner: str, segment: Segment, far: str) -> tuple[str, ...]:
    """The host's rules for the cable, as facts have them."""
    device = gateway.device(site.network(segment))
    return (
        f"filter -A {owner}gw-FORWARD -i {device} -j ACCEPT",
        f"filter -A {owner}gw-FORWARD -o {device} {KNOWN}",
        f"filter -A {owner}gw-INPUT -i {device} {KNOWN}",
        f"filter -A {owner}gw-INPUT -i {device} {PING}",
        f"filter -A {owner}gw-INPUT -i {device} -j DROP",
        f"nat -A {owner}gw-POSTROUTING -s {far}/32 ! -o {device} -j MASQUERADE",
    )


def hooks(owner: str) -> tuple[str, ...]:
    """Where the host's own chains lead into ours, as facts have it."""
    return tuple(sorted(f"{table} -A {chain} -j {owner}gw-{chain}" for table, chains in gateway.CHAINS for chain in chains))


def pair(segment: Segment, taken: Collection[str]) -> tuple[str, str]:
    """The cable's addresses, the host's first: by the network's id, the next pair where that one is taken. Raises StopIteration with 16,383 others."""
    first = int(ipaddress.ip_network(gateway.TRANSIT).network_address)
    start = int(site.network(segment).replace("-", ""), 16)
    numbers = ((start + step) % 16384 for step in range(16384))
    found = ((ipaddress.ip_address(first + 2 * n), ipaddress.ip_address(first + 2 * n + 1)) for n in numbers if n != METADATA)
    return next((str(near), str(far)) for near, far in found if not {str(near), str(far)} & set(taken))
