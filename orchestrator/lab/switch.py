"""The wires of a lab: a network namespace with three bridges, `mgmt` (this machine is on it too), `phys0` and `phys2`.

The bridges are not in this machine's own namespace, so that its firewall (Docker's FORWARD DROP, say) never sees what the hosts say to each
other. Namespaces are called `orchestrator-<lab>-<number>`, `-switch` for the bridges; this machine has one link, `<lab>-0`, whose alias tells
the lab's folder.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator

from orchestrator.lab import folder as folders
from orchestrator.lab import programs

_ALIAS = 255  # characters the kernel keeps


def namespace(lab: str, number: int) -> str:
    """The network namespace of host `number`."""
    return f"orchestrator-{lab}-{number}"


def _inside(lab: str) -> str:
    return f"orchestrator-{lab}-switch"


def namespaces(lab: str) -> tuple[str, ...]:
    """The lab's network namespaces that are there, hosts' and switch's."""
    names = (line.split()[0] for line in _ip("netns", "list").splitlines() if line)
    return tuple(name for name in names if re.fullmatch(rf"orchestrator-{lab}-(\d+|switch)", name))


def numbers(lab: str) -> tuple[int, ...]:
    """The numbers of the hosts that have a namespace."""
    tails = (name.rpartition("-")[2] for name in namespaces(lab))
    return tuple(sorted(int(tail) for tail in tails if tail.isdigit()))


def load_bridge_netfilter() -> bool:
    """Load the kernel module; whether that went well."""
    return programs.succeeds(("modprobe", "br_netfilter"), "lab")


def owner(lab: str) -> str | None:
    """The folder that the lab of this name on this machine belongs to; empty: no lab's, None: there is no such link."""
    link = _link(lab)
    return None if link is None else str(link.get("ifalias", ""))


def _link(lab: str) -> dict[str, object] | None:
    links: list[dict[str, object]] = json.loads(_ip("-j", "link", "show"))
    return next((link for link in links if link["ifname"] == f"{lab}-0"), None)


def alias(folder: folders.Folder) -> str:
    """What `owner` says of a lab in this folder."""
    return str(folder.path)[-_ALIAS:]


def in_use() -> Iterator[str]:
    """The IPv4 networks that this machine has an address or a route in."""
    for link in json.loads(_ip("-j", "-4", "address", "show")):
        yield from (f"{address['local']}/{address['prefixlen']}" for address in link.get("addr_info", ()))
    routes = json.loads(_ip("-j", "-4", "route", "show", "table", "all"))
    yield from (route["dst"] for route in routes if route["dst"] != "default")


def make(folder: folders.Folder, record: folders.Record) -> None:
    """Make the switch and this machine's link to it; half-made ones are made anew, good ones left alone."""
    lab, inside = folder.name, _inside(folder.name)
    link = _link(lab)
    if link and "UP" in str(link["flags"]) and inside in namespaces(lab):
        _bridges(inside)  # of a lab that an earlier version made, some may be missing
        return  # the link goes up last
    _remove_link(lab)
    if inside in namespaces(lab):
        _ip("netns", "delete", inside)
    _ip("netns", "add", inside)
    _bridges(inside)
    off = [f"net.bridge.bridge-nf-call-{family}=0" for family in ("iptables", "ip6tables", "arptables")]
    programs.run(("nsenter", f"--net=/run/netns/{inside}", "sysctl", "-qw", *off), lab)
    _ip("-n", inside, "link", "add", "ours", "type", "veth", "peer", "name", "machine")
    _ip("-n", inside, "link", "set", "machine", "master", "mgmt", "up")
    _ip("-n", inside, "link", "set", "ours", "alias", alias(folder))  # in there, so that it is never seen here without
    _ip("-n", inside, "link", "set", "ours", "name", f"{lab}-0", "netns", str(os.getpid()))
    _ip("address", "add", f"{record.address(0)}/24", "dev", f"{lab}-0")
    _ip("link", "set", f"{lab}-0", "up")


def _bridges(inside: str) -> None:
    """Make the bridges that are not there."""
    there = {link["ifname"] for link in json.loads(_ip("-j", "-n", inside, "link", "show"))}
    for bridge in ("mgmt", "phys0", "phys2"):
        if bridge not in there:
            _ip("-n", inside, "link", "add", bridge, "type", "bridge", "forward_delay", "0", "mcast_snooping", "0")
            _ip("-n", inside, "link", "set", bridge, "up")


def connect(folder: folders.Folder, record: folders.Record, number: int) -> None:
    """Give host `number` a network namespace: eth0 with its management address, eth1 and eth2 on the wires phys0 and phys2 with none.

    What an earlier life left in it (bridges, rules) is gone, as after a real host's boot; MACs stay.
    """
    inside, own = _inside(folder.name), namespace(folder.name, number)
    disconnect(folder.name, number)
    _ip("netns", "add", own)
    octets = [int(part) for part in record.address(number).split(".")]
    tail = ":".join(f"{octet:02x}" for octet in octets)
    for interface, bridge in (("eth0", "mgmt"), ("eth1", "phys0"), ("eth2", "phys2")):
        port, mac = f"h{number}-{interface}", f"02:0{interface[-1]}:{tail}"
        peer = ("peer", "name", interface, "address", mac, "netns", own)
        _ip("-n", inside, "link", "add", port, "type", "veth", *peer)
        _ip("-n", inside, "link", "set", port, "master", bridge, "up")
        _ip("-n", own, "link", "set", interface, "up")
    _ip("-n", own, "link", "set", "lo", "up")
    _ip("-n", own, "address", "add", f"{record.address(number)}/24", "dev", "eth0")
    _ip("-n", own, "route", "add", "default", "via", record.address(0))


def disconnect(lab: str, number: int) -> None:
    """Take host `number`'s namespace and wires away, if they are there."""
    there, inside = namespaces(lab), _inside(lab)
    if namespace(lab, number) in there:
        _ip("netns", "delete", namespace(lab, number))
    if inside not in there:
        return
    for link in json.loads(_ip("-j", "-n", inside, "link", "show")):
        if link["ifname"].startswith(f"h{number}-"):  # the kernel takes its time over a dead namespace's links
            programs.succeeds(("ip", "-n", inside, "link", "delete", link["ifname"]), lab)


def remove(lab: str) -> None:
    """Take everything away that is called as this lab's wires are."""
    _remove_link(lab)
    for name in namespaces(lab):
        _ip("netns", "delete", name)


def _remove_link(lab: str) -> None:
    """Take this machine's link away; the kernel may be about to, when its other end's namespace is gone."""
    if not programs.succeeds(("ip", "link", "delete", f"{lab}-0"), lab) and owner(lab) is not None:
        _ip("link", "delete", f"{lab}-0")


def _ip(*argv: str) -> str:
    return programs.run(("ip", *argv), "lab").decode()
