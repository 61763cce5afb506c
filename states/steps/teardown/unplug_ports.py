"""The instance's ports unplugged from their Open vSwitch bridges (nova os-vif `unplug`). Taps went with the guest's process."""

from __future__ import annotations

from orchestrator.commands.command import Action
from orchestrator.facts import link, ovs
from orchestrator.facts.gather import Facts, Key
from orchestrator.model.instance import Instance
from orchestrator.states.step import Todo
from orchestrator.states.steps.networking import hybrid

PATIENCE = 5.0


def needs(instance: Instance) -> tuple[Key, ...]:
    return tuple(key for plug in hybrid.plugs(instance) for key in plug.keys)


def plan(instance: Instance, facts: Facts) -> Todo:
    actions = tuple(action for plug in hybrid.plugs(instance) for action in hybrid.removal(plug, _there(plug, facts)))
    return Todo("ports are plugged" if actions else "no port is plugged", actions)


def undo(instance: Instance, facts: Facts) -> tuple[Action, ...]:
    return ()


def expects(instance: Instance, facts: Facts) -> dict[Key, object]:
    return dict.fromkeys(needs(instance))


def shares(instance: Instance) -> str | None:
    return None


def _there(plug: hybrid.Plug, facts: Facts) -> set[Key]:
    """What there is of it. An Open vSwitch that does not answer may still know the port of a device that is there."""
    found = {key for key in plug.keys if facts[key] is not None}
    return found | ({ovs.Key(plug.devices[2])} if link.Key(plug.devices[2]) in found else set())
