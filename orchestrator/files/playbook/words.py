"""The kinds of value a playbook holds, as annotations that say how each is read: text, numbers with units, names, addresses.

Each says what it wants in the operator's words, and where it can, what to write instead.
"""

from __future__ import annotations

import ipaddress
import posixpath
import re
from collections.abc import Callable
from typing import Annotated

from msgspec import Meta

from orchestrator.files.playbook import reading, values
from orchestrator.model import names

MOST = 2**31 - 1  # nova.db.constants.MAX_INT
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
LINES = "\n\r\t"
DOTTED = re.compile(rf"(?=.{{1,63}}\Z){names.NAME.pattern}(\.{names.NAME.pattern})*")
UUID = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}")
MAC = re.compile(r"([0-9a-f]{2}:){5}[0-9a-f]{2}")
SIZE = re.compile(r"(\d{1,9})\s*([kmgt]?)(i?b)?", re.IGNORECASE)
PORTS = re.compile(r"([0-9]{1,5})(?:\s*-\s*([0-9]{1,5}))?")
MEBIBYTES = {"k": 1 / 1024, "m": 1, "g": 1024, "t": 1024 * 1024}
TRUE, FALSE = frozenset({"true", "yes", "on"}), frozenset({"false", "no", "off"})
bad = reading.Wrong


def text(value: object) -> str:
    """One line of text, as written; numbers that an expression gave are written out."""
    found = lines(value)
    if any(sign in found for sign in LINES):
        raise bad("must be one line, without tabs")
    return found


def lines(value: object) -> str:
    """Text of any number of lines."""
    if isinstance(value, values.Written):
        value = value.text
    elif isinstance(value, bool):
        value = str(value).lower()
    elif isinstance(value, int | float):
        value = str(value)
    if not isinstance(value, str):
        raise bad("must be text")
    control = next((sign for sign in CONTROL.findall(value) if sign not in LINES), None)
    if control:
        raise bad(f"must not hold the control character U+{ord(control):04X}", "remove it")
    return value


def bounded(most: int) -> Callable[[object], str]:
    """One line of 1 to `most` characters."""

    def check(value: object) -> str:
        found = text(value)
        if not 1 <= len(found) <= most:
            raise bad(f"must be 1 to {most} characters long")
        return found

    return check


def _name(pattern: re.Pattern[str], allowed: str) -> Callable[[object], str]:
    def check(value: object) -> str:
        found = text(value)
        if not pattern.fullmatch(found):
            near = re.sub(r"[^a-z0-9-]+", "-", found.lower())[:63].strip("-")
            why = f"must be 1 to 63 characters, {allowed}, beginning and ending with a letter or digit"
            raise bad(why, f"write '{near}'" if near else "")
        if UUID.fullmatch(found):
            raise bad("must not look like a UUID", "commands take either, and could not tell them apart")
        return found

    return check


def whole(unit: str, least: int, most: int = MOST) -> Callable[[object], int]:
    """A whole number of `unit` ('' when it is a count), from `least` to `most`."""

    def check(value: object) -> int:
        found = value.value if isinstance(value, values.Written) else value
        if isinstance(found, str) and re.fullmatch(r"0|[1-9][0-9]{0,17}", found):
            found = int(found)  # -e and quotes give text
        if isinstance(found, bool) or not isinstance(found, int):
            raise bad(f"must be a whole number{f' of {unit}' if unit else ''}", _plain_number(found, unit))
        if not least <= found <= most:
            raise bad(f"must be {least} to {most}{f' {unit}' if unit else ''}")
        return found

    return check


def _plain_number(value: object, unit: str) -> str:
    size = SIZE.fullmatch(str(value).strip())
    if not unit:
        return ""
    if not size or not size.group(2):
        return f"write {unit} as a plain number, such as {512 if unit == 'MiB' else 5}"
    amount = int(size.group(1)) * MEBIBYTES[size.group(2).lower()] / (1024 if unit == "GiB" else 1)
    return f"write {unit} as a plain number: {int(amount)}" if amount == int(amount) else f"write {unit} as a plain number"


def flag(value: object) -> bool:
    """A boolean, in any of the words that Ansible takes."""
    if isinstance(value, values.Written):
        value = value.value
    if isinstance(value, str) and value.lower() in TRUE | FALSE:
        return value.lower() in TRUE
    if not isinstance(value, bool):
        raise bad("must be true or false")
    return value


def address(value: object) -> str:
    """An IP address in its usual form."""
    found = text(value)
    try:
        parsed = ipaddress.ip_address(found)
    except ValueError:
        raise bad("must be an IPv4 or IPv6 address", "without prefix length") from None
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.scope_id:
        raise bad("must not have a zone", f"write {found.partition('%')[0]}")
    return str(parsed)


def cidr(value: object) -> str:
    """The network of a subnet, with its prefix length."""
    found = prefix(value)
    network = ipaddress.ip_network(found)
    if network.is_multicast or network.is_loopback or network.prefixlen == 0:
        raise bad("cannot be the network of instances")
    return found


def prefix(value: object) -> str:
    """Any network with its prefix length, `0.0.0.0/0` and `::/0` too."""
    found = text(value)
    try:
        network = ipaddress.ip_network(found, strict=False)
    except ValueError:
        raise bad("must be a network with its prefix length", "such as 10.20.0.0/24") from None
    length = found.partition("/")[2]
    if not length.isdecimal() or "%" in found:  # a netmask is one of Cisco's two kinds, or a slip
        raise bad("must be a network with its prefix length", "such as 10.20.0.0/24")
    if not _is(network, found):
        raise bad("has bits set beyond its prefix length", f"write {network}")
    return str(network)


def _is(network: ipaddress.IPv4Network | ipaddress.IPv6Network, found: str) -> bool:
    return ipaddress.ip_address(found.partition("/")[0]) == network.network_address


def mac(value: object) -> str:
    """A unicast MAC address, lower case."""
    found = text(value).lower()
    if not MAC.fullmatch(found):
        raise bad("must be a MAC address", "six pairs of hex digits with colons, such as 52:54:00:12:34:56")
    if int(found[:2], 16) & 1:
        raise bad("must not be a multicast MAC address", f"its first pair must be even, such as {int(found[:2], 16) & 0xFE:02x}")
    if found == "00:00:00:00:00:00":
        raise bad("must not be all zero")
    return found


def pool(value: object) -> tuple[str, str]:
    """First and last address of a range."""
    first, dash, last = text(value).partition("-")
    if not dash:
        raise bad("must be the first and the last address with a dash between", "such as 10.20.0.10-10.20.0.200")
    return address(first.strip()), address(last.strip())


def ports(value: object) -> tuple[int, int]:
    """A port, or the first and the last of a range."""
    found = PORTS.fullmatch("" if isinstance(value, list | dict) else text(value))
    if not found:
        raise bad("must be a port or a range of ports", 'such as 443, or "80-443"')
    first, last = int(found[1]), int(found[2] or found[1])
    if not (0 < first < 1 << 16 and 0 < last < 1 << 16):
        raise bad("must be 1 to 65535")
    if first > last:
        raise bad("ends before it begins", f"write {last}-{first}")
    return first, last


def path(value: object) -> str:
    """An absolute path of a host, in its usual form."""
    found = bounded(4096)(value)
    if not found.startswith("/") or found != posixpath.normpath(found) or found.startswith("//"):
        raise bad("must be an absolute path", "without .., // and a slash at its end")
    return found


def each_once(value: tuple[str, ...]) -> tuple[str, ...]:
    """Names, none of them twice."""
    twice = next((name for number, name in enumerate(value) if name in value[:number]), None)
    if twice is not None:
        raise bad(f"names '{twice:.64}' twice", "name each once")
    return value


def separated(value: object) -> object:
    """A list; text is split at commas, as Ansible does with tags."""
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


def pattern(value: object) -> str:
    """A host pattern; a list of patterns means all of them."""
    return ",".join(text(part) for part in value) if isinstance(value, list) and value else bounded(4096)(value)


ONE_OR_MORE = reading.given(anyOf=[{"type": "string"}, {"type": "array", "items": {"type": "string"}}])
Lines = Annotated[str, lines]
Text = Annotated[str, bounded(4096)]
Path = Annotated[str, path]
ShortText = Annotated[str, bounded(255)]
MetadataValue = Annotated[str, bounded(255), reading.given(type=["string", "number", "boolean"])]
Word = Annotated[str, text]
Words = Annotated[tuple[Word, ...], reading.After(each_once)]
Name = Annotated[str, _name(names.NAME, "only a-z, 0-9 and -"), Meta(pattern=f"^{names.NAME.pattern}$")]
DottedName = Annotated[
    str, _name(DOTTED, "only a-z, 0-9, - and ."), Meta(max_length=63, pattern=f"^{names.NAME.pattern}(\\.{names.NAME.pattern})*$")
]
Flag = Annotated[bool, flag]
Address = Annotated[str, address]
Cidr = Annotated[str, cidr]
Prefix = Annotated[str, prefix]
Mac = Annotated[str, mac]
Pool = Annotated[tuple[str, str], pool, reading.given(type="string")]
Ports = Annotated[tuple[int, int], ports, reading.given(anyOf=[{"type": "integer"}, {"type": "string", "pattern": "^[0-9]+(-[0-9]+)?$"}])]
Pattern = Annotated[str, pattern, ONE_OR_MORE]


def number(least: int, most: int = MOST, unit: str = "") -> tuple[Callable[[object], int], Meta]:
    """What makes an int of a field a whole number from `least` to `most`: `Annotated[int, *number(0, 255)]`."""
    return whole(unit, least, most), Meta(ge=least, le=most)


Count = Annotated[int, *number(1)]
Mebibytes = Annotated[int, *number(1, unit="MiB")]
Gibibytes = Annotated[int, *number(1, unit="GiB")]
MebibytesOrNone = Annotated[int, *number(0, unit="MiB")]
GibibytesOrNone = Annotated[int, *number(0, unit="GiB")]
