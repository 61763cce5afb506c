"""The rules that judge one port, of one IP version: what goes to the guest, what comes from it, and whether it is who it says.

In Neutron's order. RETURN lets a packet pass this judgement; the other end's, if it is on this host too, comes after it.
"""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Iterable, Iterator

from orchestrator.drivers.firewall import chains
from orchestrator.model import desired
from orchestrator.model.fabric import Fabric
from orchestrator.model.instance import Port

ESTABLISHED = "-m conntrack --ctstate RELATED,ESTABLISHED -j RETURN"
INVALID = "-m conntrack --ctstate INVALID -j DROP"
# A connection whose entry went with its rule must not come back as a new one of the guest's, by the next segment that the guest sends of it:
# the kernel takes connections up midway (nf_conntrack_tcp_loose).
MIDWAY = "-p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN -m conntrack --ctstate NEW -j DROP"
NEIGHBOURS = (130, 134, 135, 136)
"""ICMPv6 that every guest hears: listener query, router advertisement, neighbour solicitation and advertisement (Neutron)."""
UNSPECIFIED = (131, 135, 143)
"""ICMPv6 that a guest without an address says: listener report, neighbour solicitation, report v2 (neutron ICMPV6_ALLOWED_UNSPEC_ADDR_TYPES)."""
ROUTER_ADVERTISEMENT = 134
PROTOCOLS = {"tcp": "tcp", "udp": "udp", "sctp": "sctp", "6": "tcp", "17": "udp", "132": "sctp"}
ICMP = {4: {"icmp": "icmp", "1": "icmp"}, 6: {"icmp": "ipv6-icmp", "icmpv6": "ipv6-icmp", "ipv6-icmp": "ipv6-icmp", "58": "ipv6-icmp"}}
"""As iptables calls them. `icmp` of an IPv6 rule is ICMPv6 (neutron IPV6_ICMP_LEGACY_PROTO_LIST); everything else is a number."""
ANY = ("", "0", "any")


def ingress(fabric: Fabric, port: Port, version: int) -> tuple[str, ...]:
    """What reaches the guest."""
    return (ESTABLISHED, *_basics(port, version), *_rules(fabric, port, "ingress", version), *_end(fabric))


def _basics(port: Port, version: int) -> Iterator[str]:
    if version == 6:
        yield from (f"-p ipv6-icmp -m icmp6 --icmpv6-type {kind} -j RETURN" for kind in NEIGHBOURS)
    server, client, all_ = ("67", "68", "255.255.255.255/32") if version == 4 else ("547", "546", "fe80::/64")
    for address in (*(_host(each) for each in chains.addresses(port, version)), all_):
        yield f"-d {address} -p udp -m udp --sport {server} --dport {client} -j RETURN"


def egress(fabric: Fabric, port: Port, version: int) -> tuple[str, ...]:
    """What the guest may say."""
    spoof = f"-j {chains.port(fabric, 's', port)}"
    first, second = _egress_4(spoof) if version == 4 else _egress_6(spoof)
    return (*first, *second, ESTABLISHED, MIDWAY, *_rules(fabric, port, "egress", version), *_end(fabric))


def _egress_4(spoof: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    discover = "-s 0.0.0.0/32 -d 255.255.255.255/32 -p udp -m udp --sport 68 --dport 67 -j RETURN"
    renew = "-p udp -m udp --sport 68 --dport 67 -j RETURN"
    serve = "-p udp -m udp --sport 67 --dport 68 -j DROP"
    return (discover, spoof), (renew, serve)


def _egress_6(spoof: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    unspecified = (f"-s ::/128 -d ff02::/16 -p ipv6-icmp -m icmp6 --icmpv6-type {kind} -j RETURN" for kind in UNSPECIFIED)
    advertise = f"-p ipv6-icmp -m icmp6 --icmpv6-type {ROUTER_ADVERTISEMENT} -j DROP"
    ask = "-p udp -m udp --sport 546 --dport 547 -j RETURN"
    serve = "-p udp -m udp --sport 547 --dport 546 -j DROP"
    return (*unspecified, spoof), (advertise, "-p ipv6-icmp -j RETURN", ask, serve)


def spoofing(port: Port, version: int) -> tuple[str, ...]:
    """The pairs of address and MAC address that are the port's; on a network without subnets any address (Neutron)."""
    found = chains.addresses(port, version)
    if not port.fixed_ips:
        return (f"-m mac --mac-source {port.mac.lower()} -j RETURN", "-j DROP")
    found += (chains.link_local(port.mac),) if version == 6 and chains.link_local(port.mac) not in found else ()
    return (*(f"-s {_host(each)} -m mac --mac-source {port.mac.lower()} -j RETURN" for each in found), "-j DROP")


def _end(fabric: Fabric) -> tuple[str, ...]:
    return (INVALID, f"-j {chains.shared(fabric, 'fallback')}")


def _rules(fabric: Fabric, port: Port, direction: str, version: int) -> Iterable[str]:
    """Of all the port's groups, each once."""
    groups = (fabric.groups[name] for name in port.security_groups if name in fabric.groups)
    every = (rule for each in groups for rule in each.rules)
    chosen = (rule for rule in every if rule.direction == direction and rule.ethertype == f"IPv{version}")
    return dict.fromkeys(text for rule in chosen for text in _rule(fabric, rule, version))


def _rule(fabric: Fabric, rule: desired.Rule, version: int) -> Iterator[str]:
    """At most one: what iptables has no words for is not let through."""
    words: list[str] = []
    remote = ipaddress.ip_network(rule.remote_cidr) if rule.remote_cidr else None
    if remote is not None and remote.prefixlen:
        words += ["-s" if rule.direction == "ingress" else "-d", str(remote)]
    protocol = rule.protocol or ""
    name = PROTOCOLS.get(protocol) or ICMP[version].get(protocol) or protocol
    if name in ICMP[version].values() and rule.port_min is not None:
        if version == 4 and rule.port_min == 255:
            return  # to iptables it is every type
        code = "" if rule.port_max is None else f"/{rule.port_max}"
        match, option = ("icmp", "icmp") if version == 4 else ("icmp6", "icmpv6")
        words += ["-p", name, "-m", match, f"--{option}-type", f"{rule.port_min}{code}"]
    elif name in PROTOCOLS.values() and rule.port_min is not None and (rule.port_min, rule.port_max) != (0, 65535):
        ports = str(rule.port_min) if rule.port_max in (None, rule.port_min) else f"{rule.port_min}:{rule.port_max}"
        words += ["-p", name, "-m", name, "--dport", ports]
    elif name not in ANY:
        words += ["-p", name]
    if rule.remote_group:
        words += [
            "-m",
            "set",
            "--match-set",
            chains.group(fabric, rule.remote_group, version),
            "src" if rule.direction == "ingress" else "dst",
        ]
    yield " ".join([*words, "-j", "RETURN"])


@functools.lru_cache(maxsize=1024)
def _host(address: str) -> str:
    return str(ipaddress.ip_network(address))
