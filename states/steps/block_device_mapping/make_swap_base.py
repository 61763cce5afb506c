"""The blank file that swap disks are overlays of (nova `_base/swap_<size>`)."""

from __future__ import annotations

from orchestrator.commands.command import Action
from orchestrator.drivers.images import blank
from orchestrator.facts import file
from orchestrator.facts.gather import Facts, Key
from orchestrator.model.instance import Base, Instance
from orchestrator.states.step import Todo

PATIENCE = 0.0


def needs(instance: Instance) -> tuple[Key, ...]:
    return tuple(file.Key(base.path) for base in _base(instance))


def plan(instance: Instance, facts: Facts) -> Todo:
    missing = [base for base in _base(instance) if facts[file.Key(base.path)] is None]
    if not missing:
        return Todo("swap base is there" if _base(instance) else "no swap disk")
    return Todo("swap base is missing", blank.make(missing[0]), unless=missing[0].path)


def undo(instance: Instance, facts: Facts) -> tuple[Action, ...]:
    return ()


def expects(instance: Instance, facts: Facts) -> dict[Key, object]:
    return {file.Key(base.path): "file" for base in _base(instance)}


def shares(instance: Instance) -> str | None:
    return next((f"base {base.path}" for base in _base(instance)), None)


def _base(instance: Instance) -> tuple[Base, ...]:
    """The one swap base of the instance, if its flavor asks for one."""
    return tuple(disk.base for disk in instance.disks if disk.base.kind == "swap")
