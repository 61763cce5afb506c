"""Host expressions of Ansible's inventories: `name`, `name:port`, `[2001:db8::1]:port`, `web[01:20]`, `db-[a:f]`, `n[1:10:2]`."""

from __future__ import annotations

import ipaddress
import itertools
import math
import re

from orchestrator.model.errors import SpecError
from orchestrator.model.mark import Mark

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}")
BRACKETED_PORT = re.compile(r"\[([^\[\]]+)\]:([0-9]{1,9})")
PORT = re.compile(r"((?:[^:\[\]]|\[[^\]]*\])*):([0-9]{1,9})")
RANGE = re.compile(r"\[([^\]]*)\]")
HOSTS_LIMIT = 65_536
RANGE_HINT = "write [first:last] or [first:last:step], as in web[01:20] or db-[a:f]"


def is_host(text: str) -> bool:
    """Whether `text` may be a host's name or address: letters, digits, `.`, `-`, `_`, not beginning with `-`; or an IP address."""
    return bool(NAME.fullmatch(text)) or is_address(text)


def is_address(text: str) -> bool:
    """Whether `text` is an IPv4 or IPv6 address, a zone (`fe80::1%eth0`) included."""
    address, percent, zone = text.partition("%")
    if percent and not NAME.fullmatch(zone):
        return False
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return False
    return True


def expand(expression: str, mark: Mark) -> tuple[tuple[str, ...], int | None]:
    """The host names that `expression` stands for, and its port. Raises SpecError."""
    pattern, port = _split_port(expression.strip(), mark)
    names = _expand_ranges(pattern, mark)
    for name in names:
        if not is_host(name):
            raise SpecError(f"host name {name!r} is not allowed", str(mark), _complaint(name), "rename it")
    return names, port


def _split_port(expression: str, mark: Mark) -> tuple[str, int | None]:
    if is_address(expression):
        return expression, None
    match = BRACKETED_PORT.fullmatch(expression) or PORT.fullmatch(expression)
    if match is None:
        if expression.endswith(":"):
            raise SpecError(f"host {expression!r} ends in ':'", str(mark), "a port must follow", "write host:port, or leave ':' out")
        return expression, None
    port = int(match[2])
    if not 1 <= port <= 65535:
        raise SpecError(f"port {port} of host {match[1]!r}", str(mark), "ports go from 1 to 65535", "the usual one is 22")
    return match[1], port


def _expand_ranges(pattern: str, mark: Mark) -> tuple[str, ...]:
    """All names of a pattern, the last range counting fastest."""
    parts = RANGE.split(pattern)  # text, range, text, range, ..., text
    choices = [_members(part, mark) if index % 2 else (part,) for index, part in enumerate(parts)]
    if math.prod(len(choice) for choice in choices) > HOSTS_LIMIT:
        raise SpecError(f"{pattern!r} stands for more than {HOSTS_LIMIT:,} hosts", str(mark), hint="check the range")
    return tuple("".join(name) for name in itertools.product(*choices))


def _members(text: str, mark: Mark) -> tuple[str, ...]:
    first, last, step = (*text.split(":"), "1")[:3] if text.count(":") in (1, 2) else ("", "", "")
    first = first or "0"  # Ansible's: [:5] begins at 0
    if not re.fullmatch(r"[0-9]{1,9}", step) or int(step) == 0:
        raise SpecError(f"range [{text}]", str(mark), "", RANGE_HINT)
    if re.fullmatch(r"[0-9]{1,9}", first) and re.fullmatch(r"[0-9]{1,9}", last):
        return _numbers(first, last, int(step), mark)
    if re.fullmatch(r"[a-z]:[a-z]|[A-Z]:[A-Z]", f"{first}:{last}") and first <= last:
        return tuple(map(chr, range(ord(first), ord(last) + 1, int(step))))
    raise SpecError(f"range [{text}]", str(mark), "", RANGE_HINT)


def _numbers(first: str, last: str, step: int, mark: Mark) -> tuple[str, ...]:
    padded = first.startswith("0") and len(first) > 1
    if padded and len(first) != len(last):
        raise SpecError(f"range [{first}:{last}]", str(mark), "a zero-padded range needs ends of equal length", RANGE_HINT)
    numbers = range(int(first), int(last) + 1, step)
    if not numbers:
        raise SpecError(f"range [{first}:{last}]", str(mark), "the first is greater than the last", RANGE_HINT)
    if len(numbers) > HOSTS_LIMIT:
        raise SpecError(f"range [{first}:{last}] stands for more than {HOSTS_LIMIT:,} hosts", str(mark), hint="check the range")
    return tuple(str(number).zfill(len(first)) if padded else str(number) for number in numbers)


def _complaint(name: str) -> str:
    if name.startswith("-"):
        return "a leading '-' would read as an option"
    if not name:
        return "it is empty"
    if "[" in name or "]" in name:
        return RANGE_HINT
    return "letters, digits, '.', '-' and '_' only, at most 253, or an IP address"
