"""The images that the instance's own host fills its volumes from, in the cache: once for all that ask for them, as those that disks rest on."""

from __future__ import annotations

from orchestrator.commands.command import Action
from orchestrator.drivers.volumes import local
from orchestrator.facts import cached, size
from orchestrator.facts.gather import Facts, Key
from orchestrator.model.instance import Instance
from orchestrator.model.volume import Volume
from orchestrator.rendering import volumes
from orchestrator.states.step import Todo

PATIENCE = 0.0


def needs(instance: Instance) -> tuple[Key, ...]:
    return tuple(dict.fromkeys(key for volume in _filled(instance) for key in local.needs(volume)))


def plan(instance: Instance, facts: Facts) -> Todo:
    wanted = _missing(instance, facts)
    actions = tuple(action for volume in wanted.values() for action in local.fetch(volume, facts))
    unless = next(iter(wanted)) if len(wanted) == 1 and actions else ""
    return Todo("image of a volume is not in the cache" if actions else "no volume lacks its image", actions, unless=unless)


def undo(instance: Instance, facts: Facts) -> tuple[Action, ...]:
    return ()


def expects(instance: Instance, facts: Facts) -> dict[Key, object]:
    return {cached.Key(base): cached.WHOLE for base in _missing(instance, facts)}


def shares(instance: Instance) -> str | None:
    bases = sorted({local.base(volume) for volume in _filled(instance)})
    return f"image {' '.join(bases)}" if bases else None


def _filled(instance: Instance) -> list[Volume]:
    own = [each.volume for each in instance.volumes if each.volume.backend == "local" and not each.leaving]
    return [volume for volume in own if volume.image]


def _missing(instance: Instance, facts: Facts) -> dict[str, Volume]:
    """By base: volumes that are not made yet."""
    return {local.base(volume): volume for volume in _filled(instance) if facts[size.Key(volumes.path(volume))] is None}
