"""Taps of running guests back in their bridges: a bridge that was lost and made again is empty, and libvirt plugs a tap only at the start of its guest.

After the rules, so that nothing is plugged in before it is judged.
"""

from __future__ import annotations

from msgspec import structs

from orchestrator.commands.command import Command
from orchestrator.facts import link
from orchestrator.facts.gather import Facts, Key
from orchestrator.model.fabric import Fabric
from orchestrator.model.instance import Port
from orchestrator.states.step import Todo

PATIENCE = 0.0

# Its arguments are a tap and its bridge. A guest that went off by now has taken its tap along.
PLUG = """[ ! -e "/sys/class/net/$1" ] || ip link set dev "$1" master "$2" up || [ ! -e "/sys/class/net/$1" ]"""


def needs(fabric: Fabric) -> tuple[Key, ...]:
    return tuple(link.Key(name) for name in sorted({name for port in fabric.ports for name in (port.tap, port.bridge)}))


def plan(fabric: Fabric, facts: Facts) -> Todo:
    loose = _loose(fabric, facts)
    actions = tuple(Command(("sh", "-c", PLUG, "plug-tap", port.tap, port.bridge)) for port, _ in loose)
    return Todo("taps of running guests are out of their bridges" if actions else "taps that are there are in their bridges", actions)


def expects(fabric: Fabric, facts: Facts) -> dict[Key, object]:
    return {link.Key(port.tap): structs.replace(found, master=port.bridge, up=True) for port, found in _loose(fabric, facts)}


def _loose(fabric: Fabric, facts: Facts) -> list[tuple[Port, link.Link]]:
    """Ports whose tap is there, and not up in its bridge, though the bridge is there."""
    pairs = ((port, facts[link.Key(port.tap)]) for port in fabric.ports if isinstance(facts[link.Key(port.bridge)], link.Link))
    return [(port, found) for port, found in pairs if isinstance(found, link.Link) and not (found.up and found.master == port.bridge)]
