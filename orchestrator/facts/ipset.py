"""The sets of addresses (ipset) of a store: who is a member of a security group, as rules look it up."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from orchestrator.commands import packed
from orchestrator.commands.command import Command, Record
from orchestrator.model import errors

SCRIPT = (
    packed.SEND
    + """
n='
'
if all=$(ipset save 2>&1); then all=${all:+$(printf '%s\\n' "$all" | grep -E '^(create|add) orc[0-9a-f]{6}-')}
else all="= trouble $(echo "$all" | tr '\\n' ' ')"; fi
send "${all:+$all$n}= end"
"""
)


class Key(Struct, frozen=True):
    """The beginning of the names of what is ours (names.owner)."""

    owner: str

    def __str__(self) -> str:
        return f"address sets of {self.owner}"


class Sets(Struct, frozen=True):
    """`members` by the set's name, in order. `trouble`: why ipset does not work here, "" when it does."""

    members: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    trouble: str = ""


class Needed(Sets, frozen=True, eq=False):
    """Sets that are to be there, where there were those of `before`. They equal what is found when all of it is there, and nothing of `before` but it:
    sets and members that came meanwhile are another run's, and no fault.
    """

    before: Sets = field(default_factory=Sets)

    __hash__ = None  # type: ignore[assignment]  # as that of Sets, which holds a mapping

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sets):
            return NotImplemented
        if self.trouble != other.trouble or any(name in other.members and name not in self.members for name in self.before.members):
            return False
        return all(name in other.members and self._there(name, set(other.members[name])) for name in self.members)

    def __ne__(self, other: object) -> bool:  # a Struct has one of its own, which knows nothing of the above
        return not self == other

    def __repr__(self) -> str:  # what was before tells nothing of what is needed
        return f"Needed(members={self.members!r}, trouble={self.trouble!r})"

    def _there(self, name: str, found: set[str]) -> bool:
        wanted = set(self.members[name])
        return wanted <= found and not found & (set(self.before.members.get(name, ())) - wanted)


def commands(keys: Sequence[Key]) -> tuple[Command, ...]:
    return (Command(("sh", "-c", SCRIPT, "read-sets")),)


def parse(keys: Sequence[Key], records: Sequence[Record]) -> dict[Key, Sets]:
    lines = _lines(records[0])
    return {key: _sets(lines[:-1], key.owner) for key in keys}


def _lines(record: Record) -> list[str]:
    try:
        lines = packed.unsend(record.output).decode("utf-8", "replace").splitlines()
    except ValueError:
        lines = []
    if not lines or lines[-1] != "= end":
        raise errors.HostError(
            "the address sets could not be read whole", why=f"{len(record.output)} bytes of them", hint="see `ipset save`"
        )
    return lines


def _sets(lines: Sequence[str], owner: str) -> Sets:
    found: dict[str, list[str]] = {}
    for line in lines:
        if line.startswith("= trouble "):
            return Sets(trouble=line.removeprefix("= trouble ").strip() or "it says nothing")
        verb, name, *rest = line.split(" ")
        if name.startswith(f"{owner}-"):
            members = found.setdefault(name, [])
            members += [rest[0]] if verb == "add" else []
    return Sets({name: ordered(members) for name, members in found.items()})


def ordered(members: Sequence[str]) -> tuple[str, ...]:
    """Addresses as they are written everywhere, each once, in order; all of one IP version."""
    networks = sorted({ipaddress.ip_network(each) for each in members})
    return tuple(str(each.network_address) if each.prefixlen == each.max_prefixlen else str(each) for each in networks)
