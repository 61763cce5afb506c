"""The image in the host's cache, as raw (nova imagebackend `fetch_raw_image`): `.part`, digest, `.converted`, fsync, rename.

Only the rename makes the final name, so a file of that name is whole. Conversion never probes: the format is the one that was inspected.
"""

from __future__ import annotations

import posixpath

from orchestrator.commands.command import Action, Command, Transfer
from orchestrator.facts import file
from orchestrator.facts.gather import Facts, Key
from orchestrator.model.instance import Base, Instance
from orchestrator.states.step import Todo

PATIENCE = 0.0
LIMITS = ("prlimit", "--cpu=300", "--as=2147483648", "--")
"""A crafted image must not eat the host (CVE-2015-5162): 300 s of CPU, 2 GiB of address space (nova QEMU_IMG_LIMITS allows 1 GiB, too little for qemu 7)."""


def needs(instance: Instance) -> tuple[Key, ...]:
    return tuple(file.Key(base.path) for base in _bases(instance))


def plan(instance: Instance, facts: Facts) -> Todo:
    missing = [base for base in _bases(instance) if facts[file.Key(base.path)] is None]
    if not missing:
        return Todo("image is in the cache")
    return Todo("image is not in the cache", tuple(action for base in missing for action in _fetch(instance, base)))


def undo(instance: Instance, facts: Facts) -> tuple[Action, ...]:
    return ()


def expects(instance: Instance, facts: Facts) -> dict[Key, object]:
    return {file.Key(base.path): "file" for base in _bases(instance)}


def shares(instance: Instance) -> str | None:
    return "image " + " ".join(posixpath.basename(base.path) for base in _bases(instance))


def _bases(instance: Instance) -> tuple[Base, ...]:
    return tuple(disk.base for disk in instance.disks if disk.base.kind == "image")


def _fetch(instance: Instance, base: Base) -> tuple[Action, ...]:
    image = instance.image
    part, converted = f"{base.path}.part", f"{base.path}.converted"
    return (
        Command(("mkdir", "-p", "--", posixpath.dirname(base.path))),
        Transfer(image.source, part, image.size),
        Command(("sha256sum", "--check", "--status", "-"), stdin=f"{image.digest}  {part}\n", timeout=600),
        Command((*LIMITS, "qemu-img", "convert", "-f", image.disk_format, "-O", "raw", part, converted), timeout=1800),
        Command(("sync", converted), timeout=600),
        Command(("rm", "-f", "--", part)),
        Command(("mv", "-T", "--", converted, base.path)),
    )
