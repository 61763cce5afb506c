"""The instance directory and the data in it removed: renamed to `<uuid>_del` first, so that a half-removed one is never taken for a whole (nova `delete_instance_files`).

The one step that ends data. Only the row `deleting` has it.
"""

from __future__ import annotations

from orchestrator.commands.command import Action, Command
from orchestrator.facts import disk as disks
from orchestrator.facts import file
from orchestrator.facts.gather import Facts, Key
from orchestrator.model.instance import Instance
from orchestrator.states.step import Todo

PATIENCE = 0.0


def needs(instance: Instance) -> tuple[Key, ...]:
    return (file.Key(instance.directory), file.Key(_leaving(instance)))


def plan(instance: Instance, facts: Facts) -> Todo:
    there, leaving = (facts[key] is not None for key in needs(instance))
    remove = Command(("rm", "-rf", "--", _leaving(instance)), timeout=600)
    rename = Command(("mv", "-T", "--", instance.directory, _leaving(instance)))
    actions = ((remove, rename) if leaving else (rename,)) if there else ()
    actions = (*actions, remove) if there or leaving else ()
    return Todo("directory is there" if actions else "directory is gone", actions)


def undo(instance: Instance, facts: Facts) -> tuple[Action, ...]:
    return ()


def expects(instance: Instance, facts: Facts) -> dict[Key, object]:
    gone: dict[Key, object] = dict.fromkeys(needs(instance))
    return {**gone, **{disks.Key(disk.path): None for disk in instance.disks}}


def shares(instance: Instance) -> str | None:
    return None


def _leaving(instance: Instance) -> str:
    return f"{instance.directory}_del"
