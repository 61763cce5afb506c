"""Fabrics with security groups: every form of a rule, ports of every kind."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from msgspec.structs import replace

from orchestrator.model import desired
from orchestrator.model.desired import Rule
from orchestrator.model.fabric import Fabric, Group, Lease, Segment, segment_id
from orchestrator.model.instance import Port
from tests.samples import instances

SUBNETS = (desired.Subnet("10.20.0.0/24", "10.20.0.1"), desired.Subnet("2001:db8::/64"))
NETWORK = desired.Network("private", "", "vxlan", SUBNETS, 7)
SERVED = replace(NETWORK, subnets=(replace(SUBNETS[0], dhcp=True),))
FLAT = replace(NETWORK, type="flat", physical_network="phys0", segmentation_id=None)
BRIDGE = "br-phys0"

SSH = Rule("ingress", protocol="tcp", port_min=22, port_max=22)
WEB = Rule("ingress", protocol="tcp", port_min=80, port_max=443)
PING = Rule("ingress", protocol="icmp", port_min=8, port_max=0)
OUT = (Rule("egress"), Rule("egress", "IPv6"))
REMOTES: dict[str, tuple[str | None, ...]] = {
    "IPv4": (None, "10.20.0.0/24", "192.0.2.7/32", "0.0.0.0/0", "128.0.0.0/1"),
    "IPv6": (None, "2001:db8::/32", "2001:db8::7/128", "::/0", "::ffff:1.2.3.4/128", "0:0:1::/48", "64:ff9b::1.2.3.4/128", "8000::/1"),
}
PORTED = (
    ("tcp", 22, 22),
    ("tcp", 80, 443),
    ("udp", 0, 65535),
    ("udp", 0, 0),
    ("udp", 1, 65535),
    ("sctp", 5, None),
    ("sctp", 5, 7),
    ("6", 1, 2),
)
ICMP = (
    ("icmp", None, None),
    ("icmp", 8, None),
    ("icmp", 8, 0),
    ("icmp", 3, 255),
    ("icmp", 254, 1),
    ("icmp", 255, None),
    ("icmpv6", 128, 0),
)


def every_rule() -> tuple[Rule, ...]:
    """Every protocol, every form of ports, types and remotes, both ways, both versions."""
    bare = [(name, None, None) for name in (None, "any", "tcp", "udp", "sctp", "icmpv6", *map(str, range(256)))]
    forms = [(kind, form) for kind in REMOTES for form in (*bare, *PORTED, *ICMP) if not (kind == "IPv4" and form[0] == "icmpv6")]
    plain = [Rule(way, kind, *form) for way in ("ingress", "egress") for kind, form in forms]
    remote = [
        Rule(way, kind, "tcp", 7, 7, each) for way, kind in itertools.product(("ingress", "egress"), REMOTES) for each in REMOTES[kind]
    ]
    grouped = [
        Rule(way, kind, name, remote_group="web") for way in ("ingress", "egress") for kind in REMOTES for name in (None, "tcp", "47")
    ]
    return (*plain, *remote, *grouped)


def port(number: int, *groups: str, **changes: object) -> Port:
    """A port with an address of each IP version, in bridge br-phys0."""
    found = instances.port(number, bridge=BRIDGE)
    made = replace(found, fixed_ips=(*found.fixed_ips, f"2001:db8::{9 + number:x}"), security_groups=groups)
    return replace(made, **changes)  # type: ignore[arg-type]  # a test's words


def group(name: str, rules: Iterable[Rule] = (), members: Iterable[Port] = ()) -> Group:
    """A group with these ports in it."""
    return Group(name, tuple(rules), tuple(sorted(address for each in members for address in each.fixed_ips)))


def fabric(*ports: Port, network: desired.Network = NETWORK, groups: Iterable[Group] = ()) -> Fabric:
    """A host with these ports on one network."""
    leases = tuple(Lease(each, f"web-{number}") for number, each in enumerate(ports, 1))
    segment = Segment(network, segment_id(instances.LINEAGE, network), BRIDGE, leases=leases)
    return Fabric(instances.HOST.name, instances.LINEAGE, (segment,) if ports else (), ports, {each.name: each for each in groups})


ONE, TWO = port(1, "web"), port(2, "web", "admin")
WEB_GROUP = group("web", (*OUT, WEB, Rule("ingress", remote_group="web"), Rule("ingress", "IPv6", remote_group="web")), (ONE, TWO))
ADMIN_GROUP = group("admin", (SSH, PING), (TWO,))
"""Two ports in a group that lets its members in, one of them also in another."""
