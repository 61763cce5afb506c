"""The instance directory, `<instances_path>/<uuid>` (nova libvirt utils `get_instance_path`)."""

from __future__ import annotations

from orchestrator.commands.command import Action, Command
from orchestrator.facts import file
from orchestrator.facts.gather import Facts, Key
from orchestrator.model.instance import Instance
from orchestrator.states.step import Todo

PATIENCE = 0.0


def needs(instance: Instance) -> tuple[Key, ...]:
    return (file.Key(instance.directory),)


def plan(instance: Instance, facts: Facts) -> Todo:
    if facts[file.Key(instance.directory)] == "directory":
        return Todo("directory is there")
    return Todo("directory is missing", (Command(("mkdir", "-p", "--", instance.directory)),))


def undo(instance: Instance, facts: Facts) -> tuple[Action, ...]:
    if facts[file.Key(instance.directory)] is not None:
        return ()
    return (Command(("rm", "-rf", "--", instance.directory)),)


def expects(instance: Instance, facts: Facts) -> dict[Key, object]:
    return {file.Key(instance.directory): "directory"}


def shares(instance: Instance) -> str | None:
    return None
