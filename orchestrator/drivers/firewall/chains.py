"""Names of chains and sets, and which of a fabric's ports they are for: all pure functions of ids."""

from __future__ import annotations

import functools
import hashlib
import ipaddress
import re

from orchestrator.model import names
from orchestrator.model.fabric import Fabric, Segment
from orchestrator.model.instance import Port

PORT = re.compile(r"orc[0-9a-f]{6}-[a-z]([0-9a-f]{8}-[0-9a-f]{2})")
"""The chain of a port: `i` to the guest, `o` from it, `s` its addresses, `m` its frames, `a` its ARP (Neutron's letters, and two more)."""

ZONES = range(4097, 65536)
"""Conntrack zones of networks (neutron ip_conntrack.py)."""


def shared(fabric: Fabric, name: str) -> str:
    """A chain that all ports have in common; at most 28 characters, as every chain here."""
    return f"{names.owner(fabric.lineage)}-{name}"


def port(fabric: Fabric, letter: str, found: Port) -> str:
    """A chain of one port: 22 characters."""
    return f"{names.owner(fabric.lineage)}-{letter}{found.id[:11]}"


def group(fabric: Fabric, name: str, version: int) -> str:
    """The set of a group's addresses of one IP version: 21 characters, ipset takes 31."""
    return f"{names.owner(fabric.lineage)}-{version}{hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()[:10]}"


def version(group: str) -> int:
    """The IP version of a set's addresses."""
    return int(group.partition("-")[2][0])


def secured(fabric: Fabric) -> tuple[Port, ...]:
    """Ports that rules judge."""
    return tuple(each for each in fabric.ports if each.port_security)


def segment(fabric: Fabric, found: Port) -> Segment | None:
    """The port's network."""
    return next((each for each in fabric.segments if each.network.name == found.network), None)


def apart(fabric: Fabric, found: Port) -> bool:
    """Whether the port's bridge is of our making: then the host itself has no part in it, and no address there."""
    where = segment(fabric, found)
    return bool(found.switch or found.interface or (where and where.network.type != "flat"))


def zone(fabric: Fabric, found: Port) -> int:
    """The conntrack zone of the port's network, so that equal addresses of two networks are two things.

    0, everybody's, on a bridge that the operator made: what the host itself says there, or routes, is of no zone, and its answers were lost in one.
    """
    where = segment(fabric, found)
    if where is None or not apart(fabric, found):
        return 0
    return ZONES[int(hashlib.sha1(where.id.encode(), usedforsecurity=False).hexdigest()[:8], 16) % len(ZONES)]


def addresses(found: Port, version: int) -> tuple[str, ...]:
    """The port's addresses of one IP version, in their one form."""
    return _written(found.fixed_ips, version)


@functools.lru_cache(maxsize=1024)
def _written(addresses: tuple[str, ...], version: int) -> tuple[str, ...]:
    every = (ipaddress.ip_address(each) for each in addresses)
    return tuple(str(each) for each in every if each.version == version)


@functools.lru_cache(maxsize=1024)
def link_local(mac: str) -> str:
    """The IPv6 link-local address that a guest makes of its MAC address (RFC 4291, modified EUI-64)."""
    part = bytes.fromhex(mac.replace(":", ""))
    interface = bytes([part[0] ^ 2]) + part[1:3] + b"\xff\xfe" + part[3:]
    return str(ipaddress.IPv6Address(b"\xfe\x80" + bytes(6) + interface))
