"""Everything that a fabric wants of a host's iptables, ip6tables, ipset and ebtables.

A store's own chain is first of all in each built-in one. Several stores may have guests on a bridge: all of them judge a packet
before any accepts it, so accepting is a chain of its own, after every `-FORWARD` (in Neutron it is the end of sg-chain).
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.drivers.dhcp import site
from orchestrator.drivers.firewall import chains, judgement
from orchestrator.facts import ipset
from orchestrator.model.fabric import Fabric
from orchestrator.model.instance import Port

Chains = Mapping[str, tuple[str, ...]]
"""`<table>/<chain>` -> its rules, in words."""

Hooks = Mapping[str, tuple[str, ...]]
"""`<table>/<built-in chain>` -> the chains that it leads into before all else, in order."""

OWN = ("filter/FORWARD", "filter/INPUT", "filter/accept", "filter/fallback", "raw/PREROUTING")
OWN_FRAMES = ("filter/FORWARD", "nat/PREROUTING", "nat/POSTROUTING", "nat/ethertypes")
"""Our shared chains, without the owner: the ones here are nobody else's."""


NOBODY = "0.0.0.0"  # noqa: S104  # no socket is bound
"""The sender of an ARP request that asks whether an address is taken (RFC 5227): it tells nobody anything."""


def mine(fabric: Fabric, path: str) -> bool:
    """Whether a chain of iptables or ip6tables is one of these, of whatever port."""
    return _own(fabric, path, OWN, "ios")


def mine_of_frames(fabric: Fabric, path: str) -> bool:
    """The same of ebtables."""
    return _own(fabric, path, OWN_FRAMES, "ma")


def _own(fabric: Fabric, path: str, names: tuple[str, ...], letters: str) -> bool:
    begin, _, end = path.partition(chains.shared(fabric, ""))
    return f"{begin}{end}" in names or bool(chains.PORT.fullmatch(path.partition("/")[2]) and end[:1] in letters)


def hooks(fabric: Fabric) -> Hooks:
    """Of iptables and ip6tables, once there are rules."""
    forward = (chains.shared(fabric, "FORWARD"), chains.shared(fabric, "accept"))
    inward, first = (chains.shared(fabric, "INPUT"),), (chains.shared(fabric, "PREROUTING"),)
    return {"filter/FORWARD": forward, "filter/INPUT": inward, "raw/PREROUTING": first}


def rules(fabric: Fabric, version: int) -> Chains:
    """Of iptables (4) or ip6tables (6). Both are made for every port: what has no rules in one of them has no way through it."""
    if not fabric.ports:
        return {}
    ports = chains.secured(fabric)
    found = {
        "filter/FORWARD": tuple(rule for port in ports for rule in _judged(fabric, port, version)),
        "filter/INPUT": tuple(_from_guest(fabric, port) for port in ports),
        "filter/accept": tuple(rule for port in fabric.ports for rule in _accepted(port)),
        "filter/fallback": ("-j DROP",),
        "raw/PREROUTING": _zones(fabric),
    }
    shared = {_place(fabric, path): each for path, each in found.items()}
    return shared | {f"filter/{name}": each for port in ports for name, each in _port(fabric, port, version).items()}


def _place(fabric: Fabric, path: str) -> str:
    table, _, name = path.partition("/")
    return f"{table}/{chains.shared(fabric, name)}"


def _port(fabric: Fabric, port: Port, version: int) -> dict[str, tuple[str, ...]]:
    return {
        chains.port(fabric, "i", port): judgement.ingress(fabric, port, version),
        chains.port(fabric, "o", port): judgement.egress(fabric, port, version),
        chains.port(fabric, "s", port): judgement.spoofing(port, version),
    }


def _judged(fabric: Fabric, port: Port, version: int) -> tuple[str, ...]:
    """Bridged, or routed by the host itself: then the way out to the guest's tap is not decided yet, and its address must tell."""
    inward = chains.port(fabric, "i", port)
    routed = () if chains.apart(fabric, port) else chains.addresses(port, version)
    length = {4: 32, 6: 128}[version]
    return (
        f"-m physdev --physdev-out {port.tap} --physdev-is-bridged -j {inward}",
        *(f"-d {each}/{length} -o {port.bridge} -m physdev ! --physdev-is-bridged -j {inward}" for each in routed),
        _from_guest(fabric, port),
    )


def _from_guest(fabric: Fabric, port: Port) -> str:
    return f"-m physdev --physdev-in {port.tap} -j {chains.port(fabric, 'o', port)}"


def _accepted(port: Port) -> tuple[str, ...]:
    """Whatever the host's own rules are, guests' frames are not theirs to drop. Ports without security too (neutron PORT_SEC_ACCEPT)."""
    return tuple(f"-m physdev --physdev-{way} {port.tap} --physdev-is-bridged -j ACCEPT" for way in ("out", "in"))


def _zones(fabric: Fabric) -> tuple[str, ...]:
    zones = {port.bridge: chains.zone(fabric, port) for port in chains.secured(fabric)}
    return tuple(f"-i {bridge} -j CT --zone {zone}" for bridge, zone in sorted(zones.items()) if zone)


def looked_up(fabric: Fabric) -> tuple[tuple[str, int], ...]:
    """Remote groups of the ports' rules, of each IP version, each once."""
    own = dict.fromkeys(name for port in chains.secured(fabric) for name in port.security_groups if name in fabric.groups)
    rules = (rule for name in own for rule in fabric.groups[name].rules if rule.remote_group)
    return tuple(dict.fromkeys((str(rule.remote_group), int(rule.ethertype[-1])) for rule in rules))


def sets(fabric: Fabric) -> dict[str, tuple[str, ...]]:
    """The sets that rules look up, with their members."""
    return {chains.group(fabric, name, version): _members(fabric, name, version) for name, version in looked_up(fabric)}


def _members(fabric: Fabric, name: str, version: int) -> tuple[str, ...]:
    remote = fabric.groups.get(name)
    return ipset.ordered([each for each in (remote.members if remote else ()) if (":" in each) == (version == 6)])


def frame_hooks(fabric: Fabric) -> Hooks:
    """Of ebtables, once there are rules."""
    return {path: (chains.shared(fabric, path.partition("/")[2]),) for path in ("filter/FORWARD", "nat/PREROUTING", "nat/POSTROUTING")}


def frames(fabric: Fabric) -> Chains:
    """Of ebtables (neutron arp_protect.py): frames come from the port's MAC address alone, and its ARP tells its own addresses.

    What iptables cannot judge passes neither way: anything but IP and ARP, and IP within a VLAN tag. A DHCP server or gateway, the same
    on every host, speaks with its own host's guests alone.
    """
    found: dict[str, tuple[str, ...]] = {}
    ports, servers = chains.secured(fabric), _servers(fabric)
    if ports:
        known = chains.shared(fabric, "ethertypes")
        found[_place(fabric, "nat/PREROUTING")] = tuple(f"-i {port.tap} -j {chains.port(fabric, 'm', port)}" for port in ports)
        found[_place(fabric, "nat/POSTROUTING")] = tuple(f"-o {port.tap} -j {known}" for port in ports)
        found[f"nat/{known}"] = (*(f"-p {kind} -j RETURN" for kind in ("IPv4", "IPv6", "ARP")), "-j DROP")
    for port in ports:
        arp = chains.port(fabric, "a", port)
        found[f"nat/{chains.port(fabric, 'm', port)}"] = (f"-s ! {port.mac.lower()} -j DROP", f"-p ARP -j {arp}", f"-j {known}")
        found[f"nat/{arp}"] = (*_arp(port), "-j DROP")
    if servers:
        found[_place(fabric, "filter/FORWARD")] = tuple(rule for each in servers.values() for rule in each)
    return found


def _arp(port: Port) -> tuple[str, ...]:
    if not port.fixed_ips:
        return (f"-p ARP --arp-mac-src {port.mac.lower()} -j RETURN",)
    own = (*chains.addresses(port, 4), NOBODY)
    return tuple(f"-p ARP --arp-ip-src {each} --arp-mac-src {port.mac.lower()} -j RETURN" for each in own)


def _servers(fabric: Fabric) -> dict[str, tuple[str, ...]]:
    """By the server's device: only taps of this host lead to it, and it leads only to them."""
    found: dict[str, tuple[str, ...]] = {}
    for segment in (each for each in site.wanted(fabric) if each.network.driver == "linuxbridge"):
        server, taps = site.device(segment), sorted(port.tap for port in fabric.ports if port.network == segment.network.name)
        pairs = [rule for tap in taps for rule in (f"-i {tap} -o {server} -j RETURN", f"-i {server} -o {tap} -j RETURN")]
        found[server] = (*pairs, f"-o {server} -j DROP", f"-i {server} -j DROP")
    return found
