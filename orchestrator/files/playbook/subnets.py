"""Subnets that hold together: gateways, pools, what guests are told, and who would serve them."""

from __future__ import annotations

import ipaddress

from orchestrator.files.playbook import catalog, findings, networking, networks, plays
from orchestrator.model import desired

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def check_subnets(all_entries: catalog.Catalog, found: findings.Findings) -> None:
    """Notes what is outside of its subnet, subnets that could not be served, and those of one network that overlap."""
    for entry, declared in catalog.entries_of(all_entries, "networks", networking.NetworkEntry):
        seen: list[Network] = []
        for number, subnet in enumerate(entry.subnets):
            network = ipaddress.ip_network(subnet.cidr)
            _check_ends(subnet, network, declared, number, found)
            _check_told(subnet, network, declared, number, found)
            if not declared.spoiled("subnets", number):
                _check_served(networks.subnet(subnet, entry), declared, number, found)
            overlap = next((other for other in seen if other.version == network.version and other.overlaps(network)), None)
            if overlap:
                place = declared.place("subnets", number, "cidr")
                found.add(place, f"cidr {network} of network '{entry.name}'", f"overlaps {overlap} of the same network")
            seen.append(network)


def _check_ends(subnet: networking.SubnetEntry, network: Network, declared: plays.Declared, number: int, found: findings.Findings) -> None:
    title = f"of network '{declared.name}'"
    if subnet.gateway is not None:
        why = unusable(ipaddress.ip_address(subnet.gateway), network)
        if why:
            found.add(declared.place("subnets", number, "gateway"), f"gateway {subnet.gateway} {title}", why)
    if subnet.pool is not None:
        first, last = map(ipaddress.ip_address, subnet.pool)
        place = declared.place("subnets", number, "pool")
        why = unusable(first, network) or unusable(last, network)
        if why:
            found.add(place, f"pool {first}-{last} {title}", why)
        elif int(first) > int(last):
            found.add(place, f"pool {first}-{last} {title}", "ends before it begins", f"write {last}-{first}")


def _check_told(subnet: networking.SubnetEntry, network: Network, declared: plays.Declared, number: int, found: findings.Findings) -> None:
    """DNS servers and routes that guests of this IP version can use (neutron `_validate_subnet`)."""
    title = f"of network '{declared.name}'"
    for index, server in enumerate(subnet.dns):
        if ipaddress.ip_address(server).version != network.version:
            why = f"is not IPv{network.version}, as {network} is"
            found.add(
                declared.place("subnets", number, "dns", index), f"dns {server} {title}", why, "name it in a subnet of its own IP version"
            )
    seen: set[str] = set()
    for index, route in enumerate(subnet.host_routes):
        place = declared.place("subnets", number, "host_routes", index)
        if ipaddress.ip_network(route.destination).version != network.version:
            found.add(place, f"host route {route.destination} {title}", f"is not IPv{network.version}, as {network} is")
        elif why := unusable(ipaddress.ip_address(route.nexthop), network):
            found.add(place, f"nexthop {route.nexthop} {title}", f"{why}: guests could not reach it")
        elif route.destination in seen:
            found.add(place, f"host route {route.destination} {title}", "is there twice", "leave one out")
        seen.add(route.destination)


def _check_served(subnet: desired.Subnet, declared: plays.Declared, number: int, found: findings.Findings) -> None:
    """Hosts that are gateway or DHCP server need an address for that, and must leave one to guests."""
    network, title = ipaddress.ip_network(subnet.cidr), f"in subnet {subnet.cidr} of network '{declared.name}'"
    if subnet.nat and network.version == 6:
        found.add(declared.place("subnets", number, "nat"), f"nat {title}", "IPv6 needs no address translation", "leave nat out")
    elif subnet.nat and subnet.gateway is None:
        hint = f"add gateway: {network[1 if network.num_addresses > 2 else 0]}"
        found.add(declared.place("subnets", number), f"nat {title}", "there is no gateway, whose address each host would have", hint)
    elif subnet.dhcp:
        taken = len({address for address in (subnet.gateway, subnet.dhcp_server) if address}) + (2 if network.version == 4 else 1)
        if network.num_addresses <= max(taken, 2):
            place = declared.place("subnets", number, "dhcp")
            found.add(place, f"dhcp {title}", "it has no address left for an instance", "use a larger subnet")


def unusable(address: Address, network: Network) -> str:
    """Why no interface may have `address`, or nothing. Networks of one or two addresses have no reserved ones (RFC 3021)."""
    if address not in network:
        return f"is not in {network}"
    if network.max_prefixlen - network.prefixlen > 1:
        if address == network.network_address:
            return f"is the address of the network {network} itself"
        if network.version == 4 and address == network.broadcast_address:
            return f"is the broadcast address of {network}"
    return ""
