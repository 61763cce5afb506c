"""What one of the packet filters (iptables, ip6tables, ebtables) holds of a store: its chains, and the jumps that lead into them."""

from __future__ import annotations

import functools
import ipaddress
import itertools
import re
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct, field

from orchestrator.commands import packed
from orchestrator.commands.command import Command, Record
from orchestrator.facts.seen import Seen
from orchestrator.model import errors

FOREIGN = "*"
"""One or more rules of somebody else's, in a row."""

# Of what others have there, only the rules of built-in chains matter: whether any comes before ours. "=" begins what is no rule.
MATTERS = r"^[*]|^:orc[0-9a-f]{6}-|^-A (PREROUTING|INPUT|FORWARD|OUTPUT|POSTROUTING|BROUTING|orc[0-9a-f]{6}-)"
SCRIPT = (
    packed.SEND
    + f"""
n='
'
if all=$("$1-save" 2>&1); then [ "${{#all}}" -lt 65536 ] || all=$(printf '%s\\n' "$all" | grep -E '{MATTERS}')
else all="= trouble $(echo "$all" | tr '\\n' ' ')"; fi
send "= $1${{all:+$n$all}}$n= end"
"""
)
"""What does not matter is left out where it is, if it is much: little of it is cheaper sent than looked through."""

OF_MATTER = re.compile(MATTERS)
HOOK = re.compile(r"-j (orc[0-9a-f]{6}-\S+)")
NETBASE = """
hopopt 0  igmp 2  ggp 3  ipencap 4  st 5  egp 8  igp 9  pup 12  hmp 20  xns-idp 22  rdp 27  iso-tp4 29  dccp 33  xtp 36  ddp 37
idpr-cmtp 38  ipv6 41  ipv6-route 43  ipv6-frag 44  idrp 45  rsvp 46  gre 47  esp 50  ah 51  skip 57  ipv6-nonxt 59  ipv6-opts 60
rspf 73  vmtp 81  eigrp 88  ospf 89  ax.25 93  ipip 94  etherip 97  encap 98  pim 103  ipcomp 108  vrrp 112  l2tp 115  isis 124  fc 133
mobility-header 135  ipv6-mh 135  mh 135  udplite 136  mpls-in-ip 137  manet 138  hip 139  shim6 140  wesp 141  rohc 142  ethernet 143
"""
KNOWN = {"1": "icmp", "6": "tcp", "17": "udp", "58": "ipv6-icmp", "icmpv6": "ipv6-icmp", "132": "sctp"}
"""Protocols that every iptables knows by itself."""
PROTOCOLS = dict(re.findall(r"(\S+) (\d+)", NETBASE)) | KNOWN
"""Whatever a protocol is called, what it is called here: others' names come from a host's /etc/protocols (Debian's netbase), or are not there."""


class Key(Struct, frozen=True):
    """A tool, and the beginning of the names of what is ours (names.owner)."""

    tool: str  # iptables | ip6tables | ebtables
    owner: str

    def __str__(self) -> str:
        return f"{self.tool} rules of {self.owner}"


class Rule(Seen, frozen=True, eq=False):
    """A rule without its chain. `spec` is the same on every host and however it was written; `text` is this host's own words for it."""

    ASIDE = frozenset({"text"})

    spec: str
    text: str


class Rules(Struct, frozen=True):
    """`chains`: ours, by `<table>/<chain>`. `hooks`: of each built-in chain that leads into one of any store's, what it does in order: their names,
    and FOREIGN for the rules of others before them. `trouble`: why the tool does not work here, "" when it does.
    """

    chains: Mapping[str, tuple[Rule, ...]] = field(default_factory=dict)
    hooks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    trouble: str = ""


DEVICES = ("-i", "-o", "--physdev-in", "--physdev-out")


class Needed(Rules, frozen=True, eq=False):
    """Rules that are to be there, where there were those of `before`. They equal what is found when all of them are there in their order, and nothing
    of `before` but them: chains, jumps and rules for ports that came meanwhile are another run's, and no fault.
    """

    before: Rules = field(default_factory=Rules)

    __hash__ = None  # type: ignore[assignment]  # as that of Rules, which holds mappings

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Rules):
            return NotImplemented
        if self.trouble != other.trouble or any(path in other.chains and path not in self.chains for path in self.before.chains):
            return False
        every = all(path in other.chains and self._chain(path, other.chains[path]) == each for path, each in self.chains.items())
        return every and all(self._jumps(place, other) == self.hooks.get(place, ()) for place in {*self.hooks, *other.hooks})

    def __ne__(self, other: object) -> bool:  # a Struct has one of its own, which knows nothing of the above
        return not self == other

    def __repr__(self) -> str:  # what was before tells nothing of what is needed
        return f"Needed(chains={self.chains!r}, hooks={self.hooks!r}, trouble={self.trouble!r})"

    def _chain(self, path: str, found: tuple[Rule, ...]) -> tuple[Rule, ...]:
        """What is found there, without what came meanwhile."""
        known = {each.spec for each in (*self.chains[path], *self.before.chains.get(path, ()))}
        named = {name for each in self.chains[path] for name in concerns(each)}
        return tuple(each for each in found if each.spec in known or concerns(each) <= named)

    def _jumps(self, place: str, found: Rules) -> tuple[str, ...]:
        known = {FOREIGN, *self.hooks.get(place, ()), *self.before.hooks.get(place, ())}
        return shortened(each for each in found.hooks.get(place, ()) if each in known)


def concerns(found: Rule) -> set[str]:
    """What a rule is about: the devices that it names, and the store's chain that it leads into."""
    told = itertools.pairwise(found.spec.split(" "))
    return {value for option, value in told if option in DEVICES or (option == "-j" and value.startswith("orc"))}


@functools.lru_cache(maxsize=8192)
def rule(text: str) -> Rule:
    """A rule from its words, as a tool saved them or takes them. Remembered: a host's rules are read, and those that are wanted compared, in turn."""
    words = text.split(" ")
    for place, word in enumerate(words[1:], 1):
        if words[place - 1] == "-p":
            words[place] = PROTOCOLS.get(word, word)
        elif words[place - 1] == "--mac-source":
            words[place] = word.lower()
        elif words[place - 1] in ("-s", "-d") and word != "!":
            words[place] = _address(word)
    spec = " ".join(words)
    return Rule(text if spec == text else spec, text)


@functools.lru_cache(maxsize=1024)
def _address(word: str) -> str:
    try:
        return str(ipaddress.ip_network(word))
    except ValueError:
        return word.lower()  # a MAC address


def commands(keys: Sequence[Key]) -> tuple[Command, ...]:
    return tuple(Command(("sh", "-c", SCRIPT, "read-rules", tool)) for tool in _tools(keys))


def parse(keys: Sequence[Key], records: Sequence[Record]) -> dict[Key, Rules]:
    said: dict[str, list[str]] = {tool: [] for tool in _tools(keys)}
    tool = ""
    for line in (line for record in records for line in _lines(record)[:-1]):
        if line.startswith("= ") and line[2:] in said:
            tool = line[2:]
        elif line.startswith("= ") or OF_MATTER.match(line):
            said[tool].append(line)
    return {key: _rules(said[key.tool], key.owner) for key in keys}


def _lines(record: Record) -> list[str]:
    try:
        lines = packed.unsend(record.output).decode("utf-8", "replace").splitlines()
    except ValueError:
        lines = []
    if not lines or lines[-1] != "= end":
        raise errors.HostError("the rules could not be read whole", why=f"{len(record.output)} bytes of them", hint="see `iptables-save`")
    return lines


def _tools(keys: Iterable[Key]) -> tuple[str, ...]:
    return tuple(sorted({key.tool for key in keys}))


def _rules(lines: Sequence[str], owner: str) -> Rules:
    chains: dict[str, list[Rule]] = {}
    built_in: dict[str, list[str]] = {}
    table = ""
    for line in lines:
        if line.startswith("= trouble "):
            return Rules(trouble=line.removeprefix("= trouble ").strip() or "it says nothing")
        chain, _, text = line.removeprefix("-A ").partition(" ")
        if line.startswith("*"):
            table = line[1:]
        elif line.startswith(f":{owner}-"):
            chains[f"{table}/{chain[1:]}"] = []
        elif chain.startswith(f"{owner}-"):
            chains[f"{table}/{chain}"].append(rule(text))
        elif not chain.startswith((":", "orc")):
            found = HOOK.fullmatch(text)
            built_in.setdefault(f"{table}/{chain}", []).append(found[1] if found else FOREIGN)
    hooks = {place: shortened(found) for place, found in built_in.items()}
    return Rules({place: tuple(found) for place, found in chains.items()}, {place: found for place, found in hooks.items() if found})


def shortened(found: Iterable[str]) -> tuple[str, ...]:
    """What a built-in chain does, as `Rules.hooks` tells it: rules of others as one, and none at the end."""
    each = [name for name, several in itertools.groupby(found) for name in ([FOREIGN] if name == FOREIGN else several)]
    return tuple(each[:-1] if each and each[-1] == FOREIGN else each)
