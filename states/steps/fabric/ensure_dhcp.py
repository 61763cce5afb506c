"""dnsmasq for the ports of this host, in each network with DHCP: runs with the wanted arguments, and has read each port's lease."""

from __future__ import annotations

from msgspec import structs

from orchestrator.commands.command import Action, Command
from orchestrator.drivers.dhcp import dnsmasq, site
from orchestrator.facts import dhcp
from orchestrator.facts.gather import Facts, Key
from orchestrator.model import errors, names
from orchestrator.model.fabric import Fabric, Segment
from orchestrator.states.step import Todo

PATIENCE = 5.0

# Fixed scripts, their arguments are data. What dnsmasq has not read yet is marked by the lack of `loaded`: a reload that died is done again.
# LEASES: folder, then port and line, or port and "": each lease is a file, so that hosts' other leases are nobody's business.
LEASES = (
    'd=$1; shift; mkdir -p -- "$d/hosts" && rm -f -- "$d/loaded" || exit 1\n'
    'while [ "$#" -gt 1 ]; do\n'
    'if [ -z "$2" ]; then rm -f -- "$d/hosts/$1"; else printf "%s\\n" "$2" >"$d/part" && mv -fT -- "$d/part" "$d/hosts/$1"; fi || exit 1\n'
    "shift 2; done"
)
# RELOAD: folder.
RELOAD = f'{dhcp.PROCESSES}\nfor p in $(servers "$1"); do kill -HUP "$p" || exit 1; done; true >"$1/loaded"'
# SERVE: namespace, folder, then dnsmasq and its arguments. It leaves its parent once it serves, or its parent says why it cannot.
SERVE = (
    f"{dnsmasq.STOP}\n"
    'n=$1 d=$2; shift 2; mkdir -p -- "$d/hosts" && rm -f -- "$d/loaded" && stop "$d" || exit 1\n'
    'nsenter --net="/run/netns/$n" -- "$@" && true >"$d/loaded"'
)


def needs(fabric: Fabric) -> tuple[Key, ...]:
    owner = names.owner(fabric.lineage)
    served = _served(fabric)
    sites = (dhcp.Key(owner, site.network(segment)) for segment in served)
    leases = (dhcp.Key(owner, site.network(segment), lease.port.id) for segment in served for lease in segment.leases)
    return (dhcp.Key(owner), *sites, *leases)


def plan(fabric: Fabric, facts: Facts) -> Todo:
    owner, served = names.owner(fabric.lineage), _served(fabric)
    found = facts[dhcp.Key(owner)]
    if served and not (isinstance(found, dhcp.Found) and found.dnsmasq):
        raise errors.HostError(
            "the host has no dnsmasq",
            why=f"network {served[0].network.name} has a subnet with DHCP",
            hint="install the package dnsmasq-base (dnsmasq where it is not split), or set `dhcp: false`",
        )
    actions = tuple(action for segment in served for action in _ensure(owner, segment, facts))
    return Todo("DHCP is missing, or not as it should be" if actions else "DHCP serves every port", actions)


def expects(fabric: Fabric, facts: Facts) -> dict[Key, object]:
    owner, expected = names.owner(fabric.lineage), dict[Key, object]()
    for segment in _served(fabric):
        before = _site(owner, segment, facts)
        leases = tuple(sorted(dnsmasq.leases(segment).items()))
        serving = structs.replace(before, servers=(dnsmasq.argv(owner, segment),), loaded=True, leases=leases)
        expected[dhcp.Key(owner, site.network(segment))] = serving
        expected |= {dhcp.Key(owner, site.network(segment), port): line or None for port, line in _wanted(segment, before).items()}
    return expected


def _served(fabric: Fabric) -> tuple[Segment, ...]:
    return tuple(segment for segment in site.wanted(fabric) if dnsmasq.serves(segment))


def _site(owner: str, segment: Segment, facts: Facts) -> dhcp.Site:
    found = facts[dhcp.Key(owner, site.network(segment))]
    return found if isinstance(found, dhcp.Site) else dhcp.NOTHING


def _wanted(segment: Segment, found: dhcp.Site) -> dict[str, str]:
    """Port to its line; "" for those that have one and are gone."""
    return {port: "" for port, _ in found.leases} | dnsmasq.leases(segment)


def _ensure(owner: str, segment: Segment, facts: Facts) -> tuple[Action, ...]:
    found, name, folder = _site(owner, segment, facts), dhcp.namespace(owner, segment.id), site.folder(owner, segment)
    have, wanted = dict(found.leases), _wanted(segment, found)
    changed = tuple(word for port, line in sorted(wanted.items()) if have.get(port, "") != line for word in (port, line))
    actions: tuple[Action, ...] = (Command(("sh", "-c", LEASES, "change-leases", folder, *changed)),) if changed else ()
    argv = dnsmasq.argv(owner, segment)
    if found.servers != (argv,):
        return (*actions, Command(("sh", "-c", SERVE, "serve-dhcp", name, folder, *argv)))
    if changed or not found.loaded:
        return (*actions, Command(("sh", "-c", RELOAD, "reload-leases", folder)))
    return actions
