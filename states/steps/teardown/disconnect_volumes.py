"""Every volume disconnected from the host, once no process has it any more (nova `_disconnect_volume`); connecting makes all of it anew."""

from __future__ import annotations

from orchestrator.commands.command import Action
from orchestrator.facts.gather import Facts, Key
from orchestrator.model.instance import Instance
from orchestrator.rendering import volumes
from orchestrator.states.step import Todo
from orchestrator.states.steps.block_device_mapping import connections

PATIENCE = 0.0


def needs(instance: Instance) -> tuple[Key, ...]:
    return tuple(key for source in _sources(instance) for key in connections.traces(source))


def plan(instance: Instance, facts: Facts) -> Todo:
    there = [source for source in _sources(instance) if connections.there(source, facts)]
    actions = tuple(action for source in there for action in connections.disconnect(source))
    return Todo("volumes are connected" if actions else "no volume is connected", actions)


def undo(instance: Instance, facts: Facts) -> tuple[Action, ...]:
    return ()


def expects(instance: Instance, facts: Facts) -> dict[Key, object]:
    return {key: value for source in _sources(instance) for key, value in connections.disconnected(source).items()}


def shares(instance: Instance) -> str | None:
    return None


def _sources(instance: Instance) -> list[volumes.Source]:
    return [volumes.of(each.volume) for each in instance.volumes]
