"""Addresses that instances ask for: in a subnet, free, and given once."""

from __future__ import annotations

import ipaddress
from typing import TypeVar

from msgspec import Struct, field

from orchestrator.files.playbook import catalog, entries, findings, networking, networks, plays, subnets
from orchestrator.model import mark

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


Key = TypeVar("Key", str, tuple[str, str])


class _Taken(Struct):
    """Who has which address: (network, fixed IP), and MAC."""

    addresses: dict[tuple[str, str], mark.Mark] = field(default_factory=dict)
    macs: dict[str, mark.Mark] = field(default_factory=dict)


def check_ports(all_entries: catalog.Catalog, found: findings.Findings) -> None:
    """Notes fixed IPs outside the network's subnets, reserved ones, and IPs and MACs given twice (absent instances have none)."""
    all_networks = catalog.entries_of(all_entries, "networks", networking.NetworkEntry)
    known = {entry.name: entry for entry, declared in all_networks if ("subnets",) not in declared.lost}
    taken = _Taken()
    for entry, declared in catalog.entries_of(all_entries, "instances", entries.InstanceEntry):
        if entry.state == "absent":
            continue
        for number, request in enumerate(entry.networks):
            _check_port(request, declared, number, taken, found)
            if request.network in known and request.fixed_ip:
                why, hint = _outside(ipaddress.ip_address(request.fixed_ip), known[request.network])
                if why:
                    place = declared.place("networks", number, "fixed_ip")
                    found.add(place, f"fixed_ip {request.fixed_ip} of instance '{entry.name}'", why, hint)


def _outside(address: Address, network: networking.NetworkEntry) -> tuple[str, str]:
    ranges = [ipaddress.ip_network(subnet.cidr) for subnet in network.subnets]
    if not ranges:
        return f"network '{network.name}' has no subnets", "add subnets to it"
    home = next((number for number, range_ in enumerate(ranges) if address in range_), None)
    if home is None:
        return f"is in no subnet of network '{network.name}'", f"its subnets are {', '.join(map(str, ranges))}"
    if str(address) in {subnet.gateway for subnet in network.subnets}:
        return "is the gateway", "choose another address"
    served = networks.subnet(network.subnets[home], network)
    if served.dhcp and str(address) == served.dhcp_server:
        return "is the address of the DHCP server, on every host", "choose another address"
    return subnets.unusable(address, ranges[home]), ""


def _check_port(
    request: networking.NetworkRequestEntry, declared: plays.Declared, number: int, taken: _Taken, found: findings.Findings
) -> None:
    owner = f"of instance '{declared.name}'"
    if request.fixed_ip:
        place = declared.place("networks", number, "fixed_ip")
        _once(taken.addresses, (request.network, request.fixed_ip), f"fixed_ip {request.fixed_ip} {owner}", place, found)
    if request.mac:
        place = declared.place("networks", number, "mac")
        _once(taken.macs, request.mac, f"mac {request.mac} {owner}", place, found)


def _once(taken: dict[Key, mark.Mark], key: Key, what: str, place: mark.Mark, found: findings.Findings) -> None:
    if key in taken:
        why = "its loop gives it to every item" if taken[key] == place else f"given before at {taken[key]}"
        found.add(place, what, why, "give each its own")
    taken.setdefault(key, place)
