"""Security groups: rules that can be meant, groups that can be applied, and what they become."""

from __future__ import annotations

import ipaddress

from msgspec import structs

from orchestrator.files.playbook import catalog, entries, findings, networking, plays
from orchestrator.model import desired

WITH_PORTS = ("tcp", "udp", "sctp")
ICMP = frozenset({"icmp", "icmpv6"})
IPV6_ONLY = frozenset({"icmpv6", *(str(networking.NUMBERS[f"ipv6-{name}"]) for name in ("encap", "frag", "nonxt", "opts", "route"))})
"""Protocols that Neutron knows in IPv6 rules only."""
EVERYTHING = frozenset({"0.0.0.0/0", "::/0"})


def security_groups(all_entries: catalog.Catalog) -> dict[str, desired.SecurityGroup]:
    """The groups by name. `default` is always there, but only what is declared changes the one that is recorded.

    One that says nothing of egress lets everything out: Neutron puts these two rules into every new group.
    """
    made = {}
    for entry, _ in catalog.entries_of(all_entries, "security_groups", networking.SecurityGroupEntry):
        rules = tuple(map(rule, entry.rules))
        if not any(each.direction == "egress" for each in rules):
            rules = (*(desired.Rule("egress", ethertype) for ethertype in networking.ETHERTYPES.values()), *rules)
        made[entry.name] = desired.SecurityGroup(entry.name, rules)
    return made


def rule(entry: networking.RuleEntry) -> desired.Rule:
    """The rule in its only form: `any` is none, icmp of IPv6 is icmpv6, and the ethertype is said."""
    protocol = None if entry.protocol == "any" else entry.protocol
    ethertype = entry.ethertype or _ethertype(entry.remote_cidr, protocol)
    least, most = (entry.type, entry.code) if entry.port is None else entry.port
    return desired.Rule(
        direction=entry.direction,
        ethertype=ethertype,
        protocol="icmpv6" if protocol == "icmp" and ethertype == "IPv6" else protocol,
        port_min=least,
        port_max=most,
        remote_cidr=entry.remote_cidr,
        remote_group=entry.remote_group,
    )


def _ethertype(cidr: str | None, protocol: str | None) -> str:
    """Of a rule that does not say it: its remote_cidr's, else that of a protocol which has one only, else IPv4 (Neutron)."""
    if cidr is not None:
        return f"IPv{ipaddress.ip_network(cidr).version}"
    return "IPv6" if protocol in IPV6_ONLY else "IPv4"


def check_rules(all_entries: catalog.Catalog, found: findings.Findings) -> None:
    """Notes rules whose parts contradict each other, and those that say the same again."""
    for entry, declared in catalog.entries_of(all_entries, "security_groups", networking.SecurityGroupEntry):
        seen: dict[desired.Rule, int] = {}
        for number, each in enumerate(entry.rules):
            if declared.spoiled("rules", number):
                continue
            before = len(found)
            _check_rule(each, number, declared, found)
            if len(found) > before:
                continue
            meant = rule(each)
            first = seen.setdefault(structs.replace(meant, remote_cidr=None) if meant.remote_cidr in EVERYTHING else meant, number)
            if first != number:
                what = f"rules[{number}] in security group '{entry.name}'"
                found.add(declared.place("rules", number), what, f"says the same as rules[{first}]", "leave one out")


def _check_rule(entry: networking.RuleEntry, number: int, declared: plays.Declared, found: findings.Findings) -> None:
    def wrong(field: str, why: str, hint: str = "") -> None:
        what = f"rules[{number}].{field} in security group '{declared.name}'"
        found.add(declared.place("rules", number, field), what, why, hint)

    meant = rule(entry)
    if entry.port is not None and meant.protocol not in WITH_PORTS:
        why = "the rule names no protocol" if meant.protocol is None else f"protocol {meant.protocol} has no ports"
        wrong("port", why, f"say protocol: {', '.join(WITH_PORTS[:-1])} or {WITH_PORTS[-1]}")
    for field in ("type", "code"):
        if getattr(entry, field) is not None and meant.protocol not in ICMP:
            wrong(field, "is of ICMP messages", "say protocol: icmp or icmpv6")
    if entry.code is not None and entry.type is None:
        wrong("code", "means nothing without a type", "add type")
    if entry.remote_cidr is not None and meant.ethertype != _ethertype(entry.remote_cidr, None):
        wrong("ethertype", f"is {meant.ethertype}, and remote_cidr {entry.remote_cidr} is not", "leave ethertype out")
    elif meant.ethertype == "IPv4" and meant.protocol in IPV6_ONLY:
        wrong(
            "protocol",
            "is of IPv6, and the rule of IPv4",
            "say ethertype: IPv6" if entry.remote_cidr is None else "use an IPv6 remote_cidr",
        )
    if entry.remote_cidr is not None and entry.remote_group is not None:
        wrong("remote_group", "the rule has a remote_cidr as well", "write a rule for each")


def check_members(all_entries: catalog.Catalog, found: findings.Findings) -> None:
    """Notes groups asked for where port security is off: nothing would be judged by them."""
    networks = {entry.name: entry for entry, _ in catalog.entries_of(all_entries, "networks", networking.NetworkEntry)}
    hint = "leave them out, or say port_security_enabled: true"
    for entry, declared in catalog.entries_of(all_entries, "instances", entries.InstanceEntry):
        secured = [_secured(port, networks.get(port.network)) for port in entry.networks]
        if entry.state == "absent" or declared.spoiled():
            continue
        for number, port in enumerate(entry.networks):
            if port.security_groups and not secured[number]:
                place = declared.place("networks", number, "security_groups")
                found.add(
                    place,
                    f"networks[{number}].security_groups in instance '{entry.name}'",
                    "port security is off there: no rule would be applied",
                    hint,
                )
        if entry.security_groups and secured and not any(secured):
            found.add(
                declared.place("security_groups"),
                f"security_groups in instance '{entry.name}'",
                "port security is off on all its ports: no rule would be applied",
                hint,
            )


def _secured(port: networking.NetworkRequestEntry, network: networking.NetworkEntry | None) -> bool:
    if port.port_security_enabled is not None:
        return port.port_security_enabled
    return network is None or network.port_security_enabled
