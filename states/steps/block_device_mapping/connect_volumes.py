"""What a volume takes before QEMU can open it: its secret in libvirt, and with the host's own initiator a login at its target (nova `_connect_volume`)."""

from __future__ import annotations

from orchestrator.commands.command import Action
from orchestrator.facts.gather import Facts, Key
from orchestrator.model.instance import Instance
from orchestrator.rendering import volumes
from orchestrator.states.step import Todo
from orchestrator.states.steps.block_device_mapping import connections

PATIENCE = 0.0


def needs(instance: Instance) -> tuple[Key, ...]:
    return tuple(key for source in _sources(instance) for key in connections.needs(source))


def plan(instance: Instance, facts: Facts) -> Todo:
    actions = tuple(action for source in _sources(instance) for action in connections.connect(instance, source, facts))
    if actions:
        return Todo("volumes are not connected", actions)
    return Todo("volumes are connected" if instance.volumes else "no volumes")


def undo(instance: Instance, facts: Facts) -> tuple[Action, ...]:
    made = [source for source in _sources(instance) if connections.connect(instance, source, facts)]
    return tuple(action for source in reversed(made) for action in connections.disconnect(source))


def expects(instance: Instance, facts: Facts) -> dict[Key, object]:
    return {key: value for source in _sources(instance) for key, value in connections.connected(source).items()}


def shares(instance: Instance) -> str | None:
    return None


def _sources(instance: Instance) -> list[volumes.Source]:
    return [volumes.of(each.volume) for each in instance.volumes if not each.leaving]
