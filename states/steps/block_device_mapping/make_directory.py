"""The instance directory, `<instances_path>/<uuid>` (nova libvirt utils `get_instance_path`)."""

from __future__ import annotations

from orchestrator.commands.command import Action, Command
from orchestrator.facts import file, mode
from orchestrator.facts.gather import Facts, Key
from orchestrator.model.instance import Instance
from orchestrator.states.step import Todo

PATIENCE = 0.0
MODE = 0o755
"""As nova-compute makes it."""


def needs(instance: Instance) -> tuple[Key, ...]:
    return (file.Key(instance.directory),)


def plan(instance: Instance, facts: Facts) -> Todo:
    if facts[file.Key(instance.directory)] == "directory":
        if shut(instance, facts):
            return Todo("directory is open to the wrong ones", (Command(("chmod", f"{MODE:o}", "--", instance.directory)),))
        return Todo("directory is there")
    return Todo("directory is missing", (Command(("mkdir", "-p", "--", instance.directory)),))


def shut(instance: Instance, facts: Facts) -> bool:
    """Whether it is known that its owner or QEMU's user cannot get into the directory, or that others may write there. Only a diagnosis looks."""
    found = facts.get(mode.Key(instance.directory))
    return isinstance(found, int) and (found & 0o701 != 0o701 or found & 0o022 != 0)


def undo(instance: Instance, facts: Facts) -> tuple[Action, ...]:
    if facts[file.Key(instance.directory)] is not None:
        return ()
    return (Command(("rm", "-rf", "--", instance.directory)),)


def expects(instance: Instance, facts: Facts) -> dict[Key, object]:
    found: dict[Key, object] = {file.Key(instance.directory): "directory"}
    return found | ({mode.Key(instance.directory): MODE} if shut(instance, facts) else {})


def shares(instance: Instance) -> str | None:
    return None
