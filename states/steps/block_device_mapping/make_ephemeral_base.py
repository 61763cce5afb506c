"""The blank file that ephemeral disks are overlays of (nova `_base/ephemeral_<size>`)."""

from __future__ import annotations

from orchestrator.commands.command import Action
from orchestrator.drivers.images import blank
from orchestrator.facts import file
from orchestrator.facts.gather import Facts, Key
from orchestrator.model.instance import Base, Instance
from orchestrator.states.step import Shared, Todo

PATIENCE = 0.0


def needs(instance: Instance) -> tuple[Key, ...]:
    return tuple(file.Key(base.path) for base in _bases(instance))


def plan(instance: Instance, facts: Facts) -> Todo:
    missing = [base for base in _bases(instance) if facts[file.Key(base.path)] is None]
    if not missing:
        return Todo("ephemeral base is there" if _bases(instance) else "no ephemeral disk")
    each = tuple(Shared(f"base {base.path}", blank.make(base), base.path) for base in missing)
    return Todo("ephemeral base is missing", tuple(action for one in each for action in one.actions), each=each)


def undo(instance: Instance, facts: Facts) -> tuple[Action, ...]:
    return ()


def expects(instance: Instance, facts: Facts) -> dict[Key, object]:
    return {file.Key(base.path): "file" for base in _bases(instance)}


def shares(instance: Instance) -> str | None:
    return next((f"base {base.path}" for base in _bases(instance)), None)


def _bases(instance: Instance) -> tuple[Base, ...]:
    """One for each size of ephemeral disk."""
    return tuple(dict.fromkeys(disk.base for disk in instance.disks if disk.base.kind == "ephemeral"))
