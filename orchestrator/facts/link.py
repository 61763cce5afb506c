"""Network devices: their kinds, bridges and marks, which of them carry a mark, and the host's own addresses. One ip(8) answers for all."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set

from msgspec import Struct, field

from orchestrator.commands.command import Command, Record
from orchestrator.facts.seen import Seen
from orchestrator.model import errors


class Key(Struct, frozen=True):
    """A device's name."""

    name: str

    def __str__(self) -> str:
        return f"network device {self.name}"


class Marked(Struct, frozen=True):
    """A mark (names.owner): the devices that carry it."""

    owner: str

    def __str__(self) -> str:
        return f"network devices of {self.owner}"


class Addresses(Struct, frozen=True):
    """The host's own addresses."""

    def __str__(self) -> str:
        return "addresses of the host"


SWITCHES = ("openvswitch", "tun")
"""Kinds of an Open vSwitch bridge's own device, with its datapath in the kernel and in user space."""


class Link(Seen, frozen=True, eq=False):
    """`kind` is bridge, tun (taps are) or another of iproute2's, "" for a physical device; `master` the Linux bridge it is a port of.

    `alias`: what it is marked with (`owner` of it: whose it is), "" for nothing. `form`: what a VXLAN or VLAN device leads to, in ip-link(8)'s
    words. `addresses` (global ones) come and go by themselves, and `mtu` (bytes) may follow another device's: links are equal whatever they are.
    """

    ASIDE = frozenset({"addresses", "mtu"})

    kind: str
    master: str | None
    up: bool
    alias: str = ""
    form: str = ""
    addresses: tuple[str, ...] = ()
    mtu: int = 1500

    @property
    def owner(self) -> str:
        """The mark: the alias's first word."""
        return self.alias.partition(" ")[0]


class Marks(Struct, frozen=True):
    """Devices that carry a mark, by name; and of the bridges among them the ports that do not carry it."""

    devices: Mapping[str, Link] = field(default_factory=dict)
    strangers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def without(self, gone: Set[str]) -> Marks:
        """What is left when these devices are gone."""
        ports = {bridge: tuple(port for port in each if port not in gone) for bridge, each in self.strangers.items() if bridge not in gone}
        devices = {name: each for name, each in self.devices.items() if name not in gone}
        return Marks(devices, {bridge: each for bridge, each in ports.items() if each})


def vxlan(vni: int, local: str) -> str:
    """`form` of a VXLAN device whose tunnels end at `local`."""
    return f"id {vni} local {local} dstport 4789"


def vlan(vid: int, interface: str) -> str:
    """`form` of a VLAN device on an interface."""
    return f"id {vid} link {interface}"


def commands(keys: Sequence[object]) -> tuple[Command, ...]:
    return (Command(("ip", "-d", "-j", "address", "show")),)


def parse(keys: Sequence[object], records: Sequence[Record]) -> dict[object, object]:
    try:
        devices = json.loads(records[0].output or "[]")
    except ValueError as error:  # of JSON and of UTF-8
        why = f"what ip(8) said of them ends after {len(records[0].output)} bytes, or is no JSON: {error}"
        raise errors.HostError(
            "network devices could not be read", why=why, hint="an answer holds 1 MiB; on the host: ip -d -j address show | wc -c"
        ) from error
    found = {device["ifname"]: _link(device) for device in devices}
    return {key: _answer(key, found) for key in keys}


def _answer(key: object, found: Mapping[str, Link]) -> object:
    if isinstance(key, Key):
        return found.get(key.name)
    if isinstance(key, Marked):
        ours = {name: link for name, link in sorted(found.items()) if link.owner == key.owner}
        strange = {name: link.master for name, link in found.items() if name not in ours and link.master in ours}
        bridges = sorted({master for master in strange.values() if master})
        return Marks(ours, {bridge: tuple(sorted(name for name, master in strange.items() if master == bridge)) for bridge in bridges})
    return tuple(sorted({address for link in found.values() for address in link.addresses}))


def _link(device: Mapping[str, object]) -> Link:
    info, flags, master, addresses = (device.get(name) for name in ("linkinfo", "flags", "master", "addr_info"))
    kind = str(info.get("info_kind", "")) if isinstance(info, dict) else ""
    data = info.get("info_data") if isinstance(info, dict) else None
    return Link(
        kind=kind,
        master=str(master) if master and master != "ovs-system" else None,
        up=isinstance(flags, list) and "UP" in flags,
        alias=str(device.get("ifalias") or ""),
        form=_form(kind, data if isinstance(data, dict) else {}, device),
        addresses=tuple(each["local"] for each in addresses if each.get("scope") == "global") if isinstance(addresses, list) else (),
        mtu=int(str(device.get("mtu", 0))),
    )


def _form(kind: str, data: Mapping[str, object], device: Mapping[str, object]) -> str:
    if kind == "vxlan":
        return f"id {data.get('id')} local {data.get('local') or data.get('local6')} dstport {data.get('port')}"
    return f"id {data.get('id')} link {device.get('link')}" if kind == "vlan" else ""
