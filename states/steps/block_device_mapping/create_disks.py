"""The instance's own disk files: qcow2 overlays on their bases (nova imagebackend Qcow2 `create_qcow2_image`).

An overlay of an instance that has run once holds data. If it is missing, that is an error: it is never made again silently.
"""

from __future__ import annotations

from orchestrator.commands.command import Action, Command
from orchestrator.facts import disk as disks
from orchestrator.facts.gather import Facts, Key
from orchestrator.model import errors
from orchestrator.model.instance import Disk, Instance
from orchestrator.states.step import Todo

PATIENCE = 0.0


def needs(instance: Instance) -> tuple[Key, ...]:
    return tuple(disks.Key(disk.path) for disk in instance.disks)


def plan(instance: Instance, facts: Facts) -> Todo:
    missing = _missing(instance, facts)
    for disk in instance.disks:
        found = facts[disks.Key(disk.path)]
        if isinstance(found, disks.Disk) and (found.format, found.backing) != ("qcow2", disk.base.path):
            raise errors.HostError(
                f"{disk.path} is not this instance's disk",
                why=f"it is {found.format} on {found.backing or 'no base'}, not qcow2 on {disk.base.path}",
                hint="look at the file; nothing was changed",
            )
    if missing and instance.launched:
        raise errors.HostError(
            f"disk {missing[0].path} is missing",
            why="the instance has run: what was written on it is gone with the file, and an empty one will not be put in its place",
            hint=f"restore the file, or `orchestrator destroy {instance.name}`",
        )
    return Todo(
        "disks are missing" if missing else "disks are there",
        tuple(action for disk in missing for action in _create(disk)),
    )


def undo(instance: Instance, facts: Facts) -> tuple[Action, ...]:
    paths = tuple(disk.path for disk in _missing(instance, facts))
    return (Command(("rm", "-f", "--", *paths)),) if paths else ()


def expects(instance: Instance, facts: Facts) -> dict[Key, object]:
    missing = _missing(instance, facts)
    return {disks.Key(disk.path): disks.Disk("qcow2", disk.size, disk.base.path) for disk in missing}


def shares(instance: Instance) -> str | None:
    return None


def _missing(instance: Instance, facts: Facts) -> tuple[Disk, ...]:
    return tuple(disk for disk in instance.disks if facts[disks.Key(disk.path)] is None)


def _create(disk: Disk) -> tuple[Action, ...]:
    part = f"{disk.path}.part"
    # Every file is named absolutely under instances_path and both formats are given: qemu-img has nothing to probe or to interpret.
    create = Command(("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", disk.base.path, part, str(disk.size)))
    return (create, Command(("sync", part)), Command(("mv", "-T", "--", part, disk.path)))
