"""The host itself: who it is, since when it runs, and how much there is of it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from orchestrator.commands.command import Command, Record
from orchestrator.model import errors

# One fixed script, which begins no process that the shell can do without. The path is its argument; the first existing parent stands for an instances_path
# that is not made yet.
SCRIPT = (
    'first() { l=; read -r l <"$1"; [ -z "$l" ] || echo "$l"; }; first /etc/machine-id; first /proc/sys/kernel/random/boot_id; nproc; '
    'while read -r k v u; do [ "$k" != MemTotal: ] || { echo "$k $v"; break; }; done </proc/meminfo; '
    'p=$1; while [ -n "$p" ] && [ ! -d "$p" ]; do p=${p%/*}; done; df -P -B 1073741824 -- "${p:-/}" | { read -r l; read -r l; echo "$l"; }; '
    'for f in /var/lib/orchestrator/epochs/*; do [ ! -e "$f" ] || { read -r job <"$f"; echo "${f##*/} $job"; }; done'
)


class Key(Struct, frozen=True):
    """The host's instances_path, whose file system is the one that counts."""

    path: str

    def __str__(self) -> str:
        return "the host"


class Newest(Struct, frozen=True):
    """The newest job that a store had done on the host, by its run's epoch; "" when it was cut off from writing its name."""

    store: str  # its lineage
    epoch: int
    job: str


class Compute(Struct, frozen=True):
    """Memory in MiB, disk in GiB; `newest` of each store that ever acted there."""

    machine_id: str
    boot_id: str
    vcpus: int
    memory_mb: int
    disk_gb: int
    free_disk_gb: int
    newest: tuple[Newest, ...] = ()


def commands(keys: Sequence[Key]) -> tuple[Command, ...]:
    return tuple(Command(("sh", "-c", SCRIPT, "compute", key.path)) for key in keys)


def parse(keys: Sequence[Key], records: Sequence[Record]) -> dict[Key, Compute]:
    return {key: _compute(record) for key, record in zip(keys, records, strict=True)}


def _compute(record: Record) -> Compute:
    lines = record.output.decode("utf-8", "replace").splitlines()
    try:
        machine, boot, cpus, memory, disk, *marks = lines
        columns = disk.split()
        return Compute(machine, boot, int(cpus), int(memory.split()[1]) // 1024, int(columns[1]), int(columns[3]), _newest(marks))
    except (ValueError, IndexError) as error:
        why = record.error.strip() or f"unexpected answer: {lines[:5]}"
        raise errors.HostError("the host cannot be described", why=why, hint="see `orchestrator doctor`") from error


def _newest(lines: Sequence[str]) -> tuple[Newest, ...]:
    """An older one may stand beside it, of a run that began before and acted after it."""
    found: dict[str, Newest] = {}
    for line in lines:
        name, _, job = line.partition(" ")
        store, _, epoch = name.rpartition(".")
        if epoch.isdigit():  # nobody else's file
            found[store] = max(found.get(store, Newest(store, 0, "")), Newest(store, int(epoch), job), key=lambda mark: mark.epoch)
    return tuple(found.values())
