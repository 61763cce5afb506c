"""The instance's volumes that are files of its own host, made when they are first attached, and grown (the others are made where they lie, before)."""

from __future__ import annotations

from orchestrator.commands.command import Action
from orchestrator.drivers.volumes import local
from orchestrator.facts import size
from orchestrator.facts.gather import Facts, Key
from orchestrator.model import errors
from orchestrator.model.instance import Instance
from orchestrator.model.volume import Volume
from orchestrator.rendering import volumes
from orchestrator.states.step import Todo

PATIENCE = 0.0


def needs(instance: Instance) -> tuple[Key, ...]:
    return tuple(dict.fromkeys(key for volume in _own(instance) for key in local.needs(volume)))


def plan(instance: Instance, facts: Facts) -> Todo:
    own = _own(instance)
    lost = [each for each in own if each.made and _missing(each, facts)]
    if lost:
        raise errors.HostError(
            f"volume {lost[0].name!r} is missing: {volumes.path(lost[0])}",
            why="what was written on it is gone with the file, and an empty one will not be put in its place",
            hint="restore the file" if lost[0].adopted else f"restore the file, or `orchestrator detach {instance.name} {lost[0].name}`",
        )
    actions = tuple(action for volume in own for action in local.plan(volume, facts)[1])
    return Todo("volumes are missing, or to grow" if actions else "volumes are there" if own else "no volumes of this host", actions)


def undo(instance: Instance, facts: Facts) -> tuple[Action, ...]:
    there: dict[Key, object] = {size.Key(volumes.path(volume)): 0 for volume in _own(instance)}
    return tuple(action for volume in _own(instance) if not volume.made and _missing(volume, facts) for action in local.doom(volume, there))


def expects(instance: Instance, facts: Facts) -> dict[Key, object]:
    return {key: value for volume in _own(instance) for key, value in local.expects(volume, facts).items()}


def shares(instance: Instance) -> str | None:
    return None


def _own(instance: Instance) -> list[Volume]:
    return [each.volume for each in instance.volumes if each.volume.backend == "local" and not each.leaving]


def _missing(volume: Volume, facts: Facts) -> bool:
    return facts[size.Key(volumes.path(volume))] is None
