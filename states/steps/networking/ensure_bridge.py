"""The Linux bridges that the instance's ports plug into, and the physical interface in each (nova vif `bridge`, neutron linuxbridge agent)."""

from __future__ import annotations

import dataclasses

from orchestrator.commands.command import Action, Command
from orchestrator.facts import link
from orchestrator.facts.gather import Facts, Key
from orchestrator.model import errors
from orchestrator.model.instance import Instance, Port
from orchestrator.states.step import Todo

PATIENCE = 0.0

# One fixed script: a bridge must not stay without our mark because something died between two commands. It may be there by now: another
# instance, whose ports need other bridges too, was planned on the same facts.
MAKE = 'ip link add name "$1" type bridge || [ -e "/sys/class/net/$1/bridge" ] && ip link set dev "$1" alias "$2" up'


def needs(instance: Instance) -> tuple[Key, ...]:
    names = {name for port in instance.ports for name in (port.bridge, port.interface) if name}
    return tuple(link.Key(name) for name in sorted(names))


def plan(instance: Instance, facts: Facts) -> Todo:
    actions = tuple(action for port in _bridges(instance) for action in _ensure(port, facts))
    return Todo("bridge missing, down, or without its interface" if actions else "bridges are there and up", actions)


def undo(instance: Instance, facts: Facts) -> tuple[Action, ...]:
    return ()


def expects(instance: Instance, facts: Facts) -> dict[Key, object]:
    found: dict[Key, object] = {}
    for port in _bridges(instance):
        before = facts[link.Key(port.bridge)]
        made = link.Link("bridge", None, True, True)
        found[link.Key(port.bridge)] = dataclasses.replace(before, up=True) if isinstance(before, link.Link) else made
        uplink = facts[link.Key(port.interface)] if port.interface else None
        if port.interface and isinstance(uplink, link.Link):
            found[link.Key(port.interface)] = dataclasses.replace(uplink, master=port.bridge, up=True)
    return found


def shares(instance: Instance) -> str | None:
    return f"bridges {' '.join(port.bridge for port in _bridges(instance))}" if instance.ports else None


def _bridges(instance: Instance) -> tuple[Port, ...]:
    """One port for each bridge."""
    return tuple({port.bridge: port for port in sorted(instance.ports, key=lambda port: port.bridge)}.values())


def _ensure(port: Port, facts: Facts) -> list[Action]:
    actions: list[Action] = []
    bridge = facts[link.Key(port.bridge)]
    if bridge is None:
        actions.append(Command(("sh", "-c", MAKE, "make-bridge", port.bridge, link.MARK)))
    elif isinstance(bridge, link.Link) and bridge.kind != "bridge":
        raise errors.HostError(
            f"{port.bridge} is not a bridge",
            why=f"it is a {bridge.kind or 'physical'} device",
            hint="mend physical_networks in the inventory",
        )
    elif isinstance(bridge, link.Link) and not bridge.up:
        actions.append(Command(("ip", "link", "set", "dev", port.bridge, "up")))
    return actions + (_uplink(port.interface, port.bridge, facts) if port.interface else [])


def _uplink(interface: str, bridge: str, facts: Facts) -> list[Action]:
    uplink = facts[link.Key(interface)]
    if not isinstance(uplink, link.Link):
        raise errors.HostError(f"interface {interface} is missing", hint="mend physical_networks in the inventory")
    if uplink.master not in (None, bridge):
        raise errors.HostError(
            f"interface {interface} is in use",
            why=f"it is a port of {uplink.master}",
            hint=f"name {uplink.master} in physical_networks",
        )
    if uplink.master is None and uplink.addresses:
        raise errors.HostError(
            f"interface {interface} carries the host's own address",
            why=f"as a port of a bridge it would no longer answer at {', '.join(uplink.addresses)}",
            hint="move the address to a bridge with the interface in it, and name that bridge in physical_networks",
        )
    actions: list[Action] = []
    if uplink.master is None:
        actions.append(Command(("ip", "link", "set", "dev", interface, "master", bridge)))
    if not uplink.up:
        actions.append(Command(("ip", "link", "set", "dev", interface, "up")))
    return actions
