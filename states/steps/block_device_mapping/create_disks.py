"""The instance's own disk files: qcow2 overlays on their bases (nova imagebackend Qcow2 `create_qcow2_image`).

An overlay of an instance that has run once holds data. If it is missing, that is an error: it is never made again silently, but by a rebuild that was
consented to. One that is smaller than it is to be grows where it is, under a running guest too; none ever shrinks.
"""

from __future__ import annotations

from orchestrator.commands.command import Action, Command
from orchestrator.drivers.images import cache
from orchestrator.facts import disk as disks
from orchestrator.facts import domain as domains
from orchestrator.facts.gather import Facts, Key
from orchestrator.model import errors
from orchestrator.model.instance import Disk, Instance
from orchestrator.states.step import Todo
from orchestrator.states.steps.teardown import power

PATIENCE = 0.0

# One fixed script, its arguments are data: base, path and bytes of each disk. One process fewer for each thing done to each disk, and one flush of all
# their bytes. Every file is named absolutely under instances_path and both formats are given: qemu-img has nothing to probe or to interpret. What a guest
# writes is nobody else's to read (umask); libvirt gives the file to QEMU's user while the guest runs.
CREATE = r"""umask 077; n=$#
while [ "$n" -gt 0 ]; do
  qemu-img create -q -f qcow2 -F raw -b "$1" "$2.part" "$3" || exit 1
  set -- "$@" "$2.part"; shift 3; n=$((n - 3))
done
sync "$@" && for part; do mv -T -- "$part" "${part%.part}" || exit 1; done
"""


def needs(instance: Instance) -> tuple[Key, ...]:
    return (*(disks.Key(disk.path) for disk in instance.disks), domains.Key(instance.domain))


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
    lost = [disk for disk in missing if disk.name not in instance.renews]
    if lost and instance.launched:
        raise errors.HostError(
            f"disk {lost[0].path} is missing",
            why="the instance has run: what was written on it is gone with the file, and an empty one will not be put in its place",
            hint=f"restore the file, or `orchestrator destroy {instance.name}`",
        )
    small = _small(instance, facts)
    actions = (*(action for disk in missing for action in _measure(instance, disk)), *_create(missing))
    growth = (action for disk in small for action in _grow(instance, disk, facts))
    why = "disks are missing" if missing else "disks are smaller than they are to be" if small else "disks are there"
    return Todo(why, (*actions, *growth))


def undo(instance: Instance, facts: Facts) -> tuple[Action, ...]:
    paths = tuple(disk.path for disk in _missing(instance, facts))
    return (Command(("rm", "-f", "--", *paths)),) if paths else ()


def expects(instance: Instance, facts: Facts) -> dict[Key, object]:
    changed = (*_missing(instance, facts), *_small(instance, facts))
    return {disks.Key(disk.path): disks.Disk("qcow2", disk.size, disk.base.path) for disk in changed}


def shares(instance: Instance) -> str | None:
    return None


def _missing(instance: Instance, facts: Facts) -> tuple[Disk, ...]:
    return tuple(disk for disk in instance.disks if facts[disks.Key(disk.path)] is None)


def _measure(instance: Instance, disk: Disk) -> tuple[Action, ...]:
    if disk.base.kind != "image" or not instance.image.remote:
        return ()
    return (cache.fits(disk.base.path, disk.size, "flavor"),)


def _small(instance: Instance, facts: Facts) -> tuple[Disk, ...]:
    found = ((disk, facts[disks.Key(disk.path)]) for disk in instance.disks)
    return tuple(disk for disk, there in found if isinstance(there, disks.Disk) and there.size < disk.size)


def _create(missing: tuple[Disk, ...]) -> tuple[Action, ...]:
    operands = tuple(word for disk in missing for word in (disk.base.path, disk.path, str(disk.size)))
    return (Command(("sh", "-c", CREATE, "create-disks", *operands)),) if missing else ()


def _grow(instance: Instance, disk: Disk, facts: Facts) -> tuple[Action, ...]:
    """By the process that has the disk open, if there is one: QEMU's lock refuses anybody else."""
    found = facts[domains.Key(instance.domain)]
    if isinstance(found, domains.Domain) and found.uuid == instance.uuid and found.state not in power.OFF:
        size = f"{disk.size}B"
        return (Command(("virsh", "-q", "-c", domains.URI, "blockresize", "--domain", instance.uuid, "--path", disk.path, "--size", size)),)
    return (Command(("qemu-img", "resize", "-q", "-f", "qcow2", disk.path, str(disk.size))), Command(("sync", disk.path)))
