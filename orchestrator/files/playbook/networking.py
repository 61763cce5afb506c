"""Networks, security groups, and the ports that instances ask for, as Structs (Neutron's words)."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from orchestrator.files.playbook import reading, strict, words

MOST_ROUTES, MOST_DNS = 20, 5  # neutron max_subnet_host_routes, max_dns_nameservers: they fit into DHCP options of 255 bytes
MOST_RULES = 256
NUMBERS = {
    "ah": 51, "dccp": 33, "egp": 8, "esp": 50, "gre": 47, "icmp": 1, "icmpv6": 58, "ipv6-icmp": 58, "igmp": 2, "ipip": 4,
    "ipv6-encap": 41, "ipv6-frag": 44, "ipv6-nonxt": 59, "ipv6-opts": 60, "ipv6-route": 43, "ospf": 89, "pgm": 113, "rsvp": 46,
    "sctp": 132, "tcp": 6, "udp": 17, "udplite": 136, "vrrp": 112,
}  # fmt: skip
"""Protocols by name (neutron-lib IP_PROTOCOL_MAP)."""
NAMES = {6: "tcp", 17: "udp", 1: "icmp", 58: "icmpv6", 132: "sctp"}
"""Those that rules know by name; all others are numbers there."""
ETHERTYPES = {"ipv4": "IPv4", "ipv6": "IPv6"}


class Provider(strict.Strict, frozen=True):
    """What carries a network; hosts map the physical network's name to an interface or bridge."""

    type: Literal["flat", "vlan", "vxlan"]
    physical_network: words.ShortText | None = None
    segmentation_id: Annotated[int, *words.number(1, (1 << 24) - 1)] | None = None


class HostRoute(strict.Strict, frozen=True):
    """A route that guests are told."""

    destination: words.Prefix
    nexthop: words.Address


class SubnetEntry(strict.Strict, frozen=True):
    """An address range. `dhcp`: guests ask for their addresses; `nat`: hosts are the gateway (absent: as the network says)."""

    cidr: words.Cidr
    gateway: words.Address | None = None
    dns: Annotated[tuple[words.Address, ...], Meta(max_length=MOST_DNS)] = ()
    dhcp: words.Flag = False
    nat: words.Flag | None = None
    pool: words.Pool | None = None
    host_routes: Annotated[tuple[HostRoute, ...], Meta(max_length=MOST_ROUTES)] = ()


class NetworkEntry(strict.Entry, frozen=True, kw_only=True):
    """A network; `mtu` in bytes, `nat` of all its IPv4 subnets."""

    name: words.Name
    provider: Provider
    driver: Literal["linuxbridge", "openvswitch"] = "linuxbridge"
    mtu: Annotated[int, *words.number(68, 65535)] | None = None
    port_security_enabled: words.Flag = True
    nat: words.Flag = False
    subnets: tuple[SubnetEntry, ...] = ()


def _protocol(value: object) -> str:
    """`any`, a name that rules know, or a number. 0 is no protocol: to iptables it would mean any."""
    found = words.text(value).lower()
    if found == "any":
        return found
    number = NUMBERS.get(found, int(found) if found.isascii() and found.isdecimal() and len(found) < 4 else None)
    if number is None or not 0 < number < 256:
        hint = "leave it out for any" if number == 0 else "tcp, udp, icmp, icmpv6, sctp, any, or a number"
        raise words.bad("must be a protocol's name or its number from 1 to 255", hint)
    return NAMES.get(number, str(number))


def _ethertype(value: object) -> object:
    found = words.text(value)
    return ETHERTYPES.get(found.lower(), found)


class RuleEntry(strict.Strict, frozen=True):
    """What a security group lets through. `port` is the destination's; `type` and `code` are ICMP's."""

    direction: Literal["ingress", "egress"]
    ethertype: Annotated[Literal["IPv4", "IPv6"], reading.Before(_ethertype)] | None = None
    protocol: Annotated[str, _protocol, reading.given(type=["string", "integer"])] | None = None
    port: words.Ports | None = None
    type: Annotated[int, *words.number(0, 255)] | None = None
    code: Annotated[int, *words.number(0, 255)] | None = None
    remote_cidr: words.Prefix | None = None
    remote_group: words.Word | None = None
    description: words.ShortText | None = None


class SecurityGroupEntry(strict.Entry, frozen=True, kw_only=True):
    """Rules by which ports are judged."""

    description: words.ShortText | None = None
    rules: Annotated[tuple[RuleEntry, ...], Meta(max_length=MOST_RULES)] = ()


class NetworkRequestEntry(strict.Strict, frozen=True):
    """A port that an instance asks for. Without `security_groups` it has the instance's."""

    network: words.Word
    fixed_ip: words.Address | None = None
    mac: words.Mac | None = None
    port_security_enabled: words.Flag | None = None
    security_groups: words.Words | None = None
