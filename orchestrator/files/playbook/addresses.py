"""Subnets that hold together, and addresses that are in them, free, and given once."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import TypeVar

from orchestrator.files.playbook import catalog, entries, findings, plays
from orchestrator.model import mark

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
RESERVED = {"network": "is the network's own address", "broadcast": "is the broadcast address"}


def check_subnets(all_entries: catalog.Catalog, found: findings.Findings) -> None:
    """Notes gateways and pools outside their subnet, and subnets of one network that overlap."""
    for entry, declared in catalog.entries_of(all_entries, "networks", entries.NetworkEntry):
        seen: list[Network] = []
        for number, subnet in enumerate(entry.subnets):
            network = ipaddress.ip_network(subnet.cidr)
            _check_subnet(subnet, network, declared, number, found)
            overlap = next((other for other in seen if other.version == network.version and other.overlaps(network)), None)
            if overlap:
                place = declared.place("subnets", number, "cidr")
                found.add(place, f"cidr {network} of network '{entry.name}'", f"overlaps {overlap} of the same network")
            seen.append(network)


def _check_subnet(subnet: entries.SubnetEntry, network: Network, declared: plays.Declared, number: int, found: findings.Findings) -> None:
    title = f"of network '{declared.name}'"
    if subnet.gateway is not None:
        why = _unusable(ipaddress.ip_address(subnet.gateway), network)
        if why:
            found.add(declared.place("subnets", number, "gateway"), f"gateway {subnet.gateway} {title}", why)
    if subnet.pool is not None:
        first, last = map(ipaddress.ip_address, subnet.pool)
        place = declared.place("subnets", number, "pool")
        why = _unusable(first, network) or _unusable(last, network)
        if why:
            found.add(place, f"pool {first}-{last} {title}", why)
        elif int(first) > int(last):
            found.add(place, f"pool {first}-{last} {title}", "ends before it begins", f"write {last}-{first}")


def _unusable(address: Address, network: Network) -> str:
    """Why no interface may have `address`, or nothing. Networks of one or two addresses have no reserved ones (RFC 3021)."""
    if address not in network:
        return f"is not in {network}"
    if network.max_prefixlen - network.prefixlen > 1:
        if address == network.network_address:
            return f"is the address of the network {network} itself"
        if network.version == 4 and address == network.broadcast_address:
            return f"is the broadcast address of {network}"
    return ""


Key = TypeVar("Key", str, tuple[str, str])


@dataclass(slots=True)
class _Taken:
    """Who has which address: (network, fixed IP), and MAC."""

    addresses: dict[tuple[str, str], mark.Mark] = field(default_factory=dict)
    macs: dict[str, mark.Mark] = field(default_factory=dict)


def check_ports(all_entries: catalog.Catalog, found: findings.Findings) -> None:
    """Notes fixed IPs outside the network's subnets, reserved ones, and IPs and MACs given twice (absent instances have none)."""
    networks = {entry.name: entry for entry, _ in catalog.entries_of(all_entries, "networks", entries.NetworkEntry)}
    taken = _Taken()
    for entry, declared in catalog.entries_of(all_entries, "instances", entries.InstanceEntry):
        if entry.state == "absent":
            continue
        for number, request in enumerate(entry.networks):
            _check_port(request, declared, number, taken, found)
            if request.network in networks and request.fixed_ip:
                why, hint = _outside(ipaddress.ip_address(request.fixed_ip), networks[request.network])
                if why:
                    place = declared.place("networks", number, "fixed_ip")
                    found.add(place, f"fixed_ip {request.fixed_ip} of instance '{entry.name}'", why, hint)


def _outside(address: Address, network: entries.NetworkEntry) -> tuple[str, str]:
    ranges = [ipaddress.ip_network(subnet.cidr) for subnet in network.subnets]
    if not ranges:
        return f"network '{network.name}' has no subnets", "add subnets to it"
    home = next((range_ for range_ in ranges if address in range_), None)
    if home is None:
        return f"is in no subnet of network '{network.name}'", f"its subnets are {', '.join(map(str, ranges))}"
    if str(address) in {subnet.gateway for subnet in network.subnets}:
        return "is the gateway", "choose another address"
    return _unusable(address, home), ""


def _check_port(
    request: entries.NetworkRequestEntry, declared: plays.Declared, number: int, taken: _Taken, found: findings.Findings
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
