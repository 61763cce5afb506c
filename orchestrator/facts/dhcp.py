"""The network namespaces that we made on a host, one for each network with DHCP or NAT: how each is plugged in, and what its dnsmasq serves."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Sequence

from msgspec import Struct

from orchestrator.commands.command import Command, Record
from orchestrator.facts.seen import Seen

ROOT = "/var/lib/orchestrator/dhcp"
INSIDE = "eth0"
"""The namespace's own end of the cable into the network."""
DIGITS = 11
"""Characters of a network's id in the names of what is made for it, as in Neutron's."""

PROCESSES = (
    'servers() { for p in $(grep -lsxzF -e "--dhcp-hostsfile=$1/hosts" /dev/null ${procs-/proc/[0-9]*/cmdline}); do p=${p#/proc/} p=${p%/*}; '
    '[ "$(cat "/proc/$p/comm" 2>/dev/null)" != dnsmasq ] || echo "$p"; done; :; }'
)
"""Shell: the pids of the dnsmasq that reads our folder, wherever it is: one outlives its namespace's name. `procs`, if set, are all that it may be."""

NAMESPACES = 'namespaces() { for each in /run/netns/*; do [ ! -e "$each" ] || echo "${each##*/}"; done; }'
"""Shell: the names that ip(8) knows network namespaces by, without a process of its own."""

# One fixed script, its arguments are data: owner, folder. Names of namespaces hold nothing that a shell would split or expand. No process is begun
# for a lease, and all processes are looked through once, however many networks there are.
SCRIPT = (
    f"{PROCESSES}\n{NAMESPACES}\n"
    'names=$(namespaces); [ ! -d "$2" ] || names="$names\n$(ls -- "$2")" || exit 1\n'
    "! command -v dnsmasq >/dev/null || echo dnsmasq\n"
    'case $names in *"$1-net-"*) ;; *) exit 0 ;; esac\n'
    'procs=$(grep -lszF -e "--dhcp-hostsfile=$2/$1-net-" /proc/[0-9]*/cmdline)\n'
    f'printf \'%s\\n\' "$names" | sed -n "s/^\\($1-net-[0-9a-f-]\\{{{DIGITS}\\}}\\)\\( .*\\)\\{{0,1\\}}\\$/\\1/p" | sort -u | while read -r n; do\n'
    'i=${n##*-net-} d=dh${n##*-net-}; echo "network $i"\n'
    f'j=$(ip -n "$n" -j address show dev {INSIDE} 2>/dev/null) && echo "inside $j"\n'
    'j=$(ip -j link show dev "$d" 2>/dev/null) && echo "outside $j"\n'
    'command -v ovs-vsctl >/dev/null && b=$(ovs-vsctl --timeout=10 iface-to-br "$d" 2>/dev/null) && '
    'echo "switch $b $(ovs-vsctl --timeout=10 get port "$d" tag)"\n'
    'for p in $(servers "$2/$n"); do echo process; [ "/proc/$p/ns/net" -ef "/run/netns/$n" ] || echo "argument elsewhere"\n'
    'tr "\\0" "\\n" <"/proc/$p/cmdline" | sed "s/^/argument /"; done\n'
    'for f in "$2/$n/hosts/"*; do [ ! -f "$f" ] || { l=; IFS= read -r l <"$f"; printf "lease %s %s\\n" "${f##*/}" "$l"; }; done\n'
    '[ ! -e "$2/$n/loaded" ] || echo loaded; done'
)


class Key(Struct, frozen=True):
    """What there is of `owner`'s; with `network` (the first characters of its id) its Site, with `port` (an id) that port's lease as text."""

    owner: str
    network: str = ""
    port: str = ""

    def __str__(self) -> str:
        what = f"lease of port {self.port} in " if self.port else ""
        return f"{what}namespace {namespace(self.owner, self.network)}" if self.network else "network namespaces"


class Found(Struct, frozen=True):
    """All that is found of an owner's: whether the host has dnsmasq, and networks that anything is there for."""

    dnsmasq: bool
    networks: tuple[str, ...] = ()


class Site(Seen, frozen=True, eq=False):
    """A network's namespace. `plug` is the bridge that it is in, with a tag on a switch ("br-int 100"); `mtu` 0 when the two ends differ.

    `servers`: the arguments of each dnsmasq that reads its leases, after "elsewhere" if it does not run there. `loaded`: they have read the leases
    that lie there. Leases are single facts of their own, since each comes and goes by itself.
    """

    ASIDE = frozenset({"leases"})

    plug: str
    up: bool
    mtu: int
    addresses: tuple[str, ...] = ()  # with their prefix lengths, sorted
    servers: tuple[tuple[str, ...], ...] = ()
    loaded: bool = False
    leases: tuple[tuple[str, str], ...] = ()  # port id, text


NOTHING = Site("", False, 0)
"""A namespace that is not plugged in, or only a folder that was left."""


def namespace(owner: str, network: str) -> str:
    """The network namespace's name: whose it is can be read in it."""
    return f"{owner}-net-{network[:DIGITS]}"


def commands(keys: Sequence[Key]) -> tuple[Command, ...]:
    return tuple(Command(("sh", "-c", SCRIPT, "network-namespaces", owner, ROOT)) for owner in _owners(keys))


def parse(keys: Sequence[Key], records: Sequence[Record]) -> dict[Key, object]:
    every = {owner: _host(record) for owner, record in zip(_owners(keys), records, strict=True)}
    return {key: _answer(key, *every[key.owner]) for key in keys}


def _owners(keys: Sequence[Key]) -> list[str]:
    return sorted({key.owner for key in keys})


def _answer(key: Key, dnsmasq: bool, sites: dict[str, Site]) -> object:
    if not key.network:
        return Found(dnsmasq, tuple(sorted(sites)))
    site = sites.get(key.network)
    return dict(site.leases).get(key.port) if site and key.port else site


def _host(record: Record) -> tuple[bool, dict[str, Site]]:
    dnsmasq, said = False, dict[str, list[tuple[str, str]]]()
    lines: list[tuple[str, str]] = []
    for line in record.output.decode("utf-8", "replace").splitlines():
        word, _, rest = line.partition(" ")
        if word == "dnsmasq":
            dnsmasq = True
        elif word == "network":
            lines = said.setdefault(rest, [])
        else:
            lines.append((word, rest))
    return dnsmasq, {network: _site(lines) for network, lines in said.items()}


def _site(lines: list[tuple[str, str]]) -> Site:
    ends = [json.loads(rest)[0] for word, rest in lines if word in ("inside", "outside")]
    mtus = {int(end["mtu"]) for end in ends}
    leases = (rest.partition(" ") for word, rest in lines if word == "lease")
    return Site(
        plug=_plug(lines, ends),
        up=len(ends) == 2 and all("UP" in end["flags"] for end in ends),
        mtu=mtus.pop() if len(mtus) == 1 and len(ends) == 2 else 0,
        addresses=tuple(sorted(address for end in ends for address in _addresses(end))),
        servers=_servers(lines),
        loaded=("loaded", "") in lines,
        leases=tuple((port, text) for port, _, text in leases),
    )


def _plug(lines: list[tuple[str, str]], ends: list[dict[str, object]]) -> str:
    switch = next((rest.split() for word, rest in lines if word == "switch"), None)
    if switch:
        return " ".join(part for part in switch if part != "[]")
    return next((str(end["master"]) for end in ends if "master" in end), "")


def _addresses(end: dict[str, object]) -> list[str]:
    """The global ones; the link's own are the kernel's."""
    found = end.get("addr_info")
    every = (each for each in found if each.get("scope") == "global") if isinstance(found, list) else ()
    return [ipaddress.ip_interface(f"{each['local']}/{each['prefixlen']}").with_prefixlen for each in every]


def _servers(lines: list[tuple[str, str]]) -> tuple[tuple[str, ...], ...]:
    found: list[list[str]] = []
    for word, rest in lines:
        if word == "process":
            found.append([])
        elif word == "argument":
            found[-1].append(rest)
    return tuple(tuple(arguments) for arguments in found)
