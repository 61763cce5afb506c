"""Namespaces of networks that no instance here is in any more: dnsmasq ended, cables pulled, leases removed. Before bridges go, which they are in."""

from __future__ import annotations

from orchestrator.commands.command import Command
from orchestrator.drivers.dhcp import dnsmasq, site
from orchestrator.facts import dhcp
from orchestrator.facts.gather import Facts, Key
from orchestrator.model import names
from orchestrator.model.fabric import Fabric
from orchestrator.states.step import Todo

PATIENCE = 5.0

# One fixed script, its arguments are data: namespace, its folder, owner, the network's first characters. A device without our mark is another's.
REMOVE = (
    f"{dnsmasq.STOP}\n"
    'stop "$2" || exit 1\n'
    '! command -v ovs-vsctl >/dev/null || ovs-vsctl --timeout=20 --if-exists del-port "dh$4" || true\n'
    'for d in "gw$4" "dh$4"; do [ "$(cat "/sys/class/net/$d/ifalias" 2>/dev/null)" != "$3" ] || ip link del dev "$d" || exit 1; done\n'
    '[ ! -e "/run/netns/$1" ] || ip netns del "$1" || exit 1\n'
    'rm -rf -- "$2" && { rmdir -p --ignore-fail-on-non-empty -- "${2%/*}" 2>/dev/null || true; }'
)


def needs(fabric: Fabric) -> tuple[Key, ...]:
    return (dhcp.Key(names.owner(fabric.lineage)),)


def plan(fabric: Fabric, facts: Facts) -> Todo:
    actions = tuple(_remove(names.owner(fabric.lineage), network) for network in _left(fabric, facts))
    return Todo("namespaces of networks that nothing here is in" if actions else "every namespace is needed", actions)


def expects(fabric: Fabric, facts: Facts) -> dict[Key, object]:
    return {dhcp.Key(names.owner(fabric.lineage), network): None for network in _left(fabric, facts)}


def _left(fabric: Fabric, facts: Facts) -> tuple[str, ...]:
    """Networks that anything is there for, and nothing has to be; but those known to be gone by now."""
    owner = names.owner(fabric.lineage)
    found = facts[dhcp.Key(owner)]
    needed = {site.network(segment) for segment in site.wanted(fabric)}
    there = found.networks if isinstance(found, dhcp.Found) else ()
    return tuple(each for each in there if each not in needed and facts.get(dhcp.Key(owner, each), found) is not None)


def _remove(owner: str, network: str) -> Command:
    name = dhcp.namespace(owner, network)
    return Command(("sh", "-c", REMOVE, "remove-namespace", name, f"{dhcp.ROOT}/{name}", owner, network))
