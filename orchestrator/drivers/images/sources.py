"""What an image's address may be: judged here for its own sake, and once more, with what it resolves to, by the host that fetches (download.py)."""

from __future__ import annotations

import ipaddress
import re

from orchestrator.model import errors

URL = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#]*)(?P<rest>.*)")
ODD = re.compile(r"[^!-~]|[\"<>\\^`{}]")
AUTHORITY = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<name>[A-Za-z0-9._][A-Za-z0-9._-]*))(?::(?P<port>[0-9]{1,5}))?")
QUAD = re.compile(r"(?:(?:0|[1-9][0-9]{0,2})\.){3}(?:0|[1-9][0-9]{0,2})")


def check_url(source: str) -> None:
    """SpecError, without a place, for an address that no host should be sent to."""
    if ODD.search(source):
        raise _refuse(source, "it holds signs that no address has", "write them as %XX")
    parts = URL.fullmatch(source)
    if not parts:
        raise _refuse(source, "only http:// and https:// addresses are fetched", "")
    authority = parts["authority"]
    if "@" in authority:
        raise errors.SpecError(
            "an image's address holds a user", why="it would be shown and recorded", hint="give one that needs no password"
        )
    found = AUTHORITY.fullmatch(authority)
    if not found or (found["port"] and not 0 < int(found["port"]) < 1 << 16):
        raise _refuse(source, "its host or port is none", "such as https://images.example.com/debian-12.qcow2")
    _check_host(source, found["six"] or found["name"])


def _check_host(source: str, host: str) -> None:
    address = _address(source, host)
    if host.rstrip(".").lower() == "localhost" or (address and _nowhere(address)):
        raise _refuse(source, f"{host} is the fetching host itself, its link, or none", "each compute host fetches the image by itself")


def _address(source: str, host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that the host is; None for a name."""
    literal = ":" in host or QUAD.fullmatch(host)
    if not literal:
        if not host.rstrip(".").rpartition(".")[2][:1].isalpha():
            raise _refuse(source, "its host is a number", "write an address as four decimal numbers")
        return None
    try:
        found = ipaddress.ip_address(host)
    except ValueError as error:
        raise _refuse(source, str(error), "") from None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found


def _nowhere(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_loopback or address.is_link_local or int(address) >> 24 in (0, *range(224, 256))
    return int(address) >> 96 == 0 or address.is_link_local or address.is_site_local or address.is_multicast


def _refuse(source: str, why: str, hint: str) -> errors.SpecError:
    return errors.SpecError(f"image source '{source}'", why=why, hint=hint)
