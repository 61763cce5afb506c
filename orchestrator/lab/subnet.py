"""Which subnet a lab gets."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable

from orchestrator.model import errors

_FIRST, _LAST = 64, 255  # of 10.x: 10.0 to 10.63 are what sites and the examples use most
_COUNT = (_LAST - _FIRST) * 256
_SPECIFIC = 16  # a route wider than this is somebody's way out (a VPN's 10.0.0.0/8), and a /24 beside it does no harm


def pick(name: str, in_use: Iterable[str]) -> str:
    """A free /24 as `10.x.y`: where the name's digest points, or the next that overlaps none of the IPv4 networks in use.

    The same name gets the same subnet as long as it is free. Raises OrchestratorError when none is.
    """
    taken = _taken(in_use)
    start = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
    for step in range(_COUNT):
        high, low = divmod((start + step) % _COUNT, 256)
        prefix = f"10.{_FIRST + high}.{low}"
        if _number(prefix) not in taken:
            return prefix
    why = f"this machine has addresses or routes in all of 10.{_FIRST}.0.0 to 10.{_LAST - 1}.255.255"
    raise errors.OrchestratorError("no free subnet for the lab", name, why)


def free(prefix: str, in_use: Iterable[str]) -> bool:
    """Whether the /24 of this prefix overlaps none of the networks in use."""
    return _number(prefix) not in _taken(in_use)


def _taken(in_use: Iterable[str]) -> set[int]:
    """Every /24 that one of the networks has a part in, as its first three octets' number."""
    networks = (ipaddress.IPv4Network(text, strict=False) for text in in_use)
    specific = (network for network in networks if network.prefixlen >= _SPECIFIC)
    return {number for network in specific for number in range(int(network[0]) >> 8, (int(network[-1]) >> 8) + 1)}


def _number(prefix: str) -> int:
    return int(ipaddress.IPv4Address(f"{prefix}.0")) >> 8
