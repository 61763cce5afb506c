"""What the rebuild that is due makes anew, removed (nova `rebuild_instance`: its disks are destroyed before they are created again).

Only files that the record names as given up, by consent, are ever removed, and nothing while a process runs. The record names them until the guest runs
again: a rebuild that failed begins anew, one that was cut goes on with what it made.
"""

from __future__ import annotations

from orchestrator.commands.command import Action, Command
from orchestrator.facts import disk as disks
from orchestrator.facts import file
from orchestrator.facts.gather import Facts, Key
from orchestrator.model import errors
from orchestrator.model.instance import Instance
from orchestrator.states.step import Todo
from orchestrator.states.steps.teardown import power

PATIENCE = 0.0


def needs(instance: Instance) -> tuple[Key, ...]:
    if not instance.renews:
        return ()
    return (*power.needs(instance), *(_key(instance, path) for path in _paths(instance)))


def plan(instance: Instance, facts: Facts) -> Todo:
    gone = _removed(instance, facts)
    if gone and not power.is_off(instance, facts):
        raise errors.HostError(
            f"disks of instance {instance.name!r} cannot be made anew", why="its domain runs", hint="nothing was removed; apply again"
        )
    why = "disks are to be made anew" if gone else "nothing of it is to be made anew"
    return Todo(why, (Command(("rm", "-f", "--", *gone)),) if gone else ())


def undo(instance: Instance, facts: Facts) -> tuple[Action, ...]:
    return ()


def expects(instance: Instance, facts: Facts) -> dict[Key, object]:
    return {_key(instance, path): None for path in _removed(instance, facts)}


def shares(instance: Instance) -> str | None:
    return None


def _paths(instance: Instance) -> tuple[str, ...]:
    return tuple(f"{instance.directory}/{name}" for name in instance.renews)


def _key(instance: Instance, path: str) -> Key:
    """Of a disk that it is to have, what it is; of anything else, whether it is there."""
    return disks.Key(path) if path in {disk.path for disk in instance.disks} else file.Key(path)


def _removed(instance: Instance, facts: Facts) -> tuple[str, ...]:
    return tuple(path for path in _paths(instance) if facts[_key(instance, path)] is not None)
