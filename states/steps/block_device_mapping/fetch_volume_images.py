"""The images that the instance's own host fills its volumes from, in the cache: once for all that ask for them, as those that disks rest on."""

from __future__ import annotations

from orchestrator.commands.command import Action
from orchestrator.drivers.volumes import local
from orchestrator.facts import cached, size
from orchestrator.facts.gather import Facts, Key
from orchestrator.model.instance import Instance
from orchestrator.model.volume import Volume
from orchestrator.rendering import volumes
from orchestrator.states.step import Shared, Todo

PATIENCE = 0.0


def needs(instance: Instance) -> tuple[Key, ...]:
    return tuple(dict.fromkeys(key for volume in _filled(instance) for key in local.needs(volume)))


def plan(instance: Instance, facts: Facts) -> Todo:
    fetched = {base: local.fetch(volume, facts) for base, volume in _missing(instance, facts).items()}
    each = tuple(Shared(f"image {base}", actions, base) for base, actions in fetched.items() if actions)
    actions = tuple(action for one in each for action in one.actions)
    return Todo("image of a volume is not in the cache" if each else "no volume lacks its image", actions, each=each)


def undo(instance: Instance, facts: Facts) -> tuple[Action, ...]:
    return ()


def expects(instance: Instance, facts: Facts) -> dict[Key, object]:
    return {cached.Key(base): cached.WHOLE for base in _missing(instance, facts)}


def shares(instance: Instance) -> str | None:
    return next((f"image {local.base(volume)}" for volume in _filled(instance)), None)


def _filled(instance: Instance) -> list[Volume]:
    own = [each.volume for each in instance.volumes if each.volume.backend == "local" and not each.leaving]
    return [volume for volume in own if volume.image]


def _missing(instance: Instance, facts: Facts) -> dict[str, Volume]:
    """By base: volumes that are not made yet."""
    return {local.base(volume): volume for volume in _filled(instance) if facts[size.Key(volumes.path(volume))] is None}
