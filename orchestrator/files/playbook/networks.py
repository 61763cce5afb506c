"""Networks: what of one goes together, and what it becomes."""

from __future__ import annotations

import ipaddress

from orchestrator.files.playbook import catalog, findings, networking, plays
from orchestrator.model import desired, mark

SEGMENTS = {"vlan": 4094, "vxlan": (1 << 24) - 1}
"""Types that have a segmentation_id, and the highest one."""
LEAST_IPV6_MTU = 1280  # RFC 8200, section 5


def networks(all_entries: catalog.Catalog) -> dict[str, desired.Network]:
    """The networks by name."""
    return {
        entry.name: desired.Network(
            name=entry.name,
            physical_network=entry.provider.physical_network or "",
            type=entry.provider.type,
            subnets=tuple(subnet(each, entry) for each in entry.subnets),
            segmentation_id=entry.provider.segmentation_id,
            driver=entry.driver,
            mtu=entry.mtu,
            port_security=entry.port_security_enabled,
        )
        for entry, _ in catalog.entries_of(all_entries, "networks", networking.NetworkEntry)
    }


def subnet(entry: networking.SubnetEntry, network: networking.NetworkEntry) -> desired.Subnet:
    """The subnet; the network's `nat` is that of its IPv4 subnets."""
    inherited = network.nat and ipaddress.ip_network(entry.cidr).version == 4
    return desired.Subnet(
        cidr=entry.cidr,
        gateway=entry.gateway,
        dns=entry.dns,
        pool=entry.pool,
        dhcp=entry.dhcp,
        nat=inherited if entry.nat is None else entry.nat,
        host_routes=tuple((route.destination, route.nexthop) for route in entry.host_routes),
    )


def check_providers(all_entries: catalog.Catalog, found: findings.Findings) -> None:
    """Notes types, physical networks, segments, drivers and MTUs that do not go together, and segments that two networks claim."""
    segments: dict[tuple[str, str | None, int | None], tuple[str, mark.Mark]] = {}
    drivers: dict[str, tuple[str, mark.Mark]] = {}
    for entry, declared in catalog.entries_of(all_entries, "networks", networking.NetworkEntry):
        _check_mtu(entry, declared, found)
        _check_nat(entry, declared, found)
        if declared.spoiled("provider"):
            continue
        provider, place = entry.provider, declared.place("provider")
        before = len(found)
        _check_physical(entry, declared, found)
        _check_segment(entry, declared, found)
        if len(found) > before:
            continue
        name, first = segments.setdefault((provider.type, provider.physical_network, provider.segmentation_id), (entry.name, place))
        if name != entry.name:
            what = f"provider of network '{entry.name}'"
            found.add(place, what, f"is that of network '{name}' at {first}", "one segment is one network: give it several subnets")
        if provider.physical_network is not None and not declared.spoiled():
            driver, first = drivers.setdefault(provider.physical_network, (entry.driver, place))
            if driver != entry.driver:
                what = f"driver '{entry.driver}' of network '{entry.name}'"
                why = f"physical network '{provider.physical_network}' has driver '{driver}' at {first}"
                found.add(declared.place("driver"), what, why, "an interface can be in one switch only: use the same driver for both")


def _check_physical(entry: networking.NetworkEntry, declared: plays.Declared, found: findings.Findings) -> None:
    provider = entry.provider
    if provider.type == "vxlan":
        if provider.physical_network is not None:
            what = f"provider.physical_network '{provider.physical_network:.40}' in network '{entry.name}'"
            why = "a vxlan network has none: it runs between the hosts' own addresses (local_ip in the inventory)"
            found.add(declared.place("provider", "physical_network"), what, why, "leave it out")
        if entry.driver != "linuxbridge":
            what = f"driver '{entry.driver}' in network '{entry.name}'"
            found.add(declared.place("driver"), what, "not supported yet with type vxlan", "only 'linuxbridge'")
    elif provider.physical_network is None:
        what = f"'provider.physical_network' is missing in network '{entry.name}'"
        found.add(declared.place("provider"), what, f"a {provider.type} network needs one", "name one of the inventory's physical_networks")


def _check_segment(entry: networking.NetworkEntry, declared: plays.Declared, found: findings.Findings) -> None:
    kind, number = entry.provider.type, entry.provider.segmentation_id
    most = SEGMENTS.get(kind)
    if number is None:
        if most is not None:
            found.add(
                declared.place("provider"),
                f"'provider.segmentation_id' is missing in network '{entry.name}'",
                f"a {kind} network needs one",
                f"1 to {most}",
            )
        return
    what, place = f"provider.segmentation_id '{number}' in network '{entry.name}'", declared.place("provider", "segmentation_id")
    if most is None:
        found.add(place, what, f"a {kind} network has none", "leave it out, or say type: vlan")
    elif number > most:
        found.add(place, what, f"must be 1 to {most} in a {kind} network")


def _check_mtu(entry: networking.NetworkEntry, declared: plays.Declared, found: findings.Findings) -> None:
    versions = {ipaddress.ip_network(each.cidr).version for each in entry.subnets}
    if entry.mtu is not None and entry.mtu < LEAST_IPV6_MTU and 6 in versions:
        what = f"mtu '{entry.mtu}' in network '{entry.name}'"
        found.add(declared.place("mtu"), what, f"must be {LEAST_IPV6_MTU} or more where there is an IPv6 subnet")


def _check_nat(entry: networking.NetworkEntry, declared: plays.Declared, found: findings.Findings) -> None:
    what = f"nat in network '{entry.name}'"
    if entry.nat and all(ipaddress.ip_network(each.cidr).version == 6 for each in entry.subnets):
        found.add(declared.place("nat"), what, "it has no IPv4 subnet", "IPv6 needs no address translation: leave nat out")
    elif entry.driver == "openvswitch":
        # A host keeps its gateway to itself by the rules of a Linux bridge: a switch has none on the way out.
        places = [("nat",)] if entry.nat else [("subnets", number, "nat") for number, each in enumerate(entry.subnets) if each.nat]
        why = "with driver 'openvswitch' every host would answer for the gateway's address across the trunk"
        for place in places:
            found.add(declared.place(*place), what, why, "use driver 'linuxbridge', or leave nat out and let a router be the gateway")
