"""Ansible's host patterns: `all`, names, groups, `web*`, `~web[0-9]+`, `a:b`, `a,b`, `a:!b`, `a:&b`, `web[0]`, `web[1:3]`."""

from __future__ import annotations

import difflib
import fnmatch
import ipaddress
import re
from collections.abc import Iterable

from orchestrator.model.errors import NotFound, UsageError
from orchestrator.model.host import Inventory

SUBSCRIPT = re.compile(r"(.+)\[(-?[0-9]{1,9})(?:(:)([0-9]{0,9}))?\]")
COLON = re.compile(r":(?![^\[]*\])")  # not inside brackets


def select(pattern: str, inventory: Inventory) -> tuple[str, ...]:
    """Names of the hosts that the pattern selects, in the inventory's order.

    Terms are joined (`:` or `,`), then cut with the `&` terms, then the `!` terms are taken away, wherever they stand.
    Raises NotFound when a plain name in it is no host and no group, or when no host is left; UsageError when it cannot be read.
    """
    terms = split(pattern, inventory)
    if not terms:
        raise UsageError("the host pattern is empty", hint="'all' selects every host")
    joined = [term for term in terms if term[0] not in "&!"] or ["all"]
    found = {host for term in joined for host in _match(term, inventory)}
    for term in terms:
        if term[0] == "&":
            found &= set(_match(term[1:], inventory))
    for term in terms:
        if term[0] == "!":
            found -= set(_match(term[1:], inventory))
    if not found:
        raise NotFound(f"host pattern {pattern!r} matches no host", hint="'orchestrator inventory graph' shows hosts and groups")
    return tuple(host for host in inventory.hosts if host in found)


def split(pattern: str, inventory: Inventory) -> tuple[str, ...]:
    """The pattern's terms. Commas separate; without any, so do colons, but not those of an IPv6 address or inside brackets."""
    pattern = pattern.strip()
    if "," in pattern:
        parts: Iterable[str] = pattern.split(",")
    elif pattern in inventory.hosts or _is_address(pattern.lstrip("!&")):
        parts = (pattern,)
    else:
        parts = COLON.split(pattern)
    return tuple(part.strip() for part in parts if part.strip())


def _match(term: str, inventory: Inventory) -> tuple[str, ...]:
    """Hosts of one term, without its `&` or `!`."""
    if term in inventory.hosts:
        return (term,)
    if term.startswith("~"):
        return _matching(_regex(term), inventory)
    subscript = SUBSCRIPT.fullmatch(term)
    if subscript is None:
        return _named(term, inventory)
    hosts = _named(subscript[1], inventory)
    start, end = int(subscript[2]), subscript[4]
    if subscript[3]:
        return hosts[start : int(end) + 1 if end else None]
    if not -len(hosts) <= start < len(hosts):
        raise NotFound(f"no host {term!r}", why=f"{subscript[1]!r} has {len(hosts)} hosts, counted from 0")
    return (hosts[start],)


def _named(term: str, inventory: Inventory) -> tuple[str, ...]:
    """Hosts of a name or glob. A glob may match nothing, a name may not: it would be a slip of the pen."""
    if any(character in term for character in "*?["):
        return _matching(re.compile(fnmatch.translate(term)), inventory)
    if term in inventory.hosts:
        return (term,)
    if term in inventory.groups:
        return inventory.groups[term]
    near = difflib.get_close_matches(term, [*inventory.hosts, *inventory.groups], 3)
    raise NotFound(f"no host or group {term!r}", hint=f"did you mean {', '.join(near)}?" if near else "")


def _matching(regex: re.Pattern[str], inventory: Inventory) -> tuple[str, ...]:
    groups = (host for name, hosts in inventory.groups.items() if regex.match(name) for host in hosts)
    return tuple(dict.fromkeys((*groups, *(host for host in inventory.hosts if regex.match(host)))))


def _regex(term: str) -> re.Pattern[str]:
    try:
        return re.compile(term[1:])
    except (re.error, RecursionError, OverflowError) as error:
        raise UsageError(f"host pattern {term!r} is not a regular expression", why=str(error)) from None


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True
