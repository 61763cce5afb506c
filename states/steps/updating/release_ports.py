"""Ports that leave the instance unplugged from their Open vSwitch bridges, once the guest has let go of them."""

from __future__ import annotations

from orchestrator.commands.command import Action
from orchestrator.facts.gather import Facts, Key
from orchestrator.model.instance import Instance
from orchestrator.states.step import Todo
from orchestrator.states.steps.networking import hybrid

PATIENCE = 5.0


def needs(instance: Instance) -> tuple[Key, ...]:
    return tuple(key for plug in hybrid.leaving(instance) for key in plug.keys)


def plan(instance: Instance, facts: Facts) -> Todo:
    actions = tuple(action for plug in hybrid.leaving(instance) for action in hybrid.removal(plug, hybrid.there(plug, facts)))
    return Todo("ports that leave are plugged" if actions else "no port that leaves is plugged", actions)


def undo(instance: Instance, facts: Facts) -> tuple[Action, ...]:
    return ()


def expects(instance: Instance, facts: Facts) -> dict[Key, object]:
    return dict.fromkeys(needs(instance))


def shares(instance: Instance) -> str | None:
    return None
