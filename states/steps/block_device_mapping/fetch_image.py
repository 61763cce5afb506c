"""The image in the host's cache (nova imagebackend `fetch_raw_image`).

A base that is there is never replaced: disks rest on its very bytes. One that is damaged is an error that says so.
"""

from __future__ import annotations

from orchestrator.commands.command import Action
from orchestrator.drivers.images import cache
from orchestrator.facts import cached
from orchestrator.facts.gather import Facts, Key
from orchestrator.model import errors
from orchestrator.model.instance import Base, Instance
from orchestrator.states.step import Todo

PATIENCE = 0.0


def needs(instance: Instance) -> tuple[Key, ...]:
    return tuple(cached.Key(base.path) for base in _base(instance))


def plan(instance: Instance, facts: Facts) -> Todo:
    for base in _base(instance):
        found = facts[cached.Key(base.path)]
        if found is None:
            return Todo("image is not in the cache", cache.fetch(instance.image, base.path), unless=base.path)
        if found != cached.WHOLE:
            raise errors.HostError(
                f"the image in the cache is damaged: {base.path}",
                why=f"{found}; the disks of instances rest on it",
                hint="bring the file back, or destroy the instances on it (`orchestrator image verify` names them) and remove it",
            )
    return Todo("image is in the cache" if _base(instance) else "no image asked for")


def undo(instance: Instance, facts: Facts) -> tuple[Action, ...]:
    return ()


def expects(instance: Instance, facts: Facts) -> dict[Key, object]:
    return {cached.Key(base.path): cached.WHOLE for base in _base(instance)}


def shares(instance: Instance) -> str | None:
    return next((f"image {base.path}" for base in _base(instance)), None)


def _base(instance: Instance) -> tuple[Base, ...]:
    """The one image base of the instance, unless it boots from a volume."""
    return tuple(disk.base for disk in instance.disks if disk.base.kind == "image")
