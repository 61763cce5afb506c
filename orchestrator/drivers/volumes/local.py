"""A volume as a raw file of its host, sparse: `volume-<id>`, made under another name and renamed when it is whole; grown, never shrunk."""

from __future__ import annotations

import posixpath

from orchestrator.commands.command import Action, Command
from orchestrator.drivers.images import cache
from orchestrator.facts import cached, size
from orchestrator.facts.gather import Facts, Key
from orchestrator.model import errors
from orchestrator.model.volume import Volume
from orchestrator.rendering import volumes

LIMITS = ("prlimit", "--cpu=1800", "--as=2147483648", "--")
"""As for every qemu-img; the base is raw, so that there is nothing in it to be taken for a format."""


def base(volume: Volume) -> str:
    """The image that the volume is filled from, in the cache of the host that makes it."""
    return volume.options["base"]


def needs(volume: Volume) -> tuple[Key, ...]:
    image = (cached.Key(base(volume)),) if volume.image else ()
    return (size.Key(volumes.path(volume)), *image)


def plan(volume: Volume, facts: Facts) -> tuple[str, tuple[Action, ...]]:
    """Why, and what to do; what `fetch` does is done before."""
    path = volumes.path(volume)
    found = facts[size.Key(path)]
    if volume.adopted:
        return "volume is what was found", ()
    if isinstance(found, int):
        grow = (Command(("truncate", "-s", str(volume.bytes), "--", path)),) if found < volume.bytes else ()
        return ("volume is to grow" if grow else "volume is there"), grow
    part = f"{path}.part"
    # Nobody but root reads what is in it, from the first byte on; QEMU's user only passes through the directory, to the file that libvirt gives it.
    # The file is a new one: what an interrupted run left is not blank.
    private = (
        Command(("mkdir", "-p", "-m", "0711", "--", posixpath.dirname(path))),
        Command(("install", "-T", "-m", "0600", "--", "/dev/null", part)),
    )
    fits, fill = _filled(volume, part)
    whole = (Command(("truncate", "-s", str(volume.bytes), "--", part)), Command(("sync", part), timeout=600))
    return "volume is missing", (*fits, *private, *fill, *whole, Command(("mv", "-T", "--", part, path)))


def fetch(volume: Volume, facts: Facts) -> tuple[Action, ...]:
    """The image that a volume of any backend is filled from, brought into the cache of the host that makes it, if it is not there.

    Always in a lane of the image's own: two at once would write the same files. Raises HostError when what is there is damaged.
    """
    found = facts[cached.Key(base(volume))] if volume.image else cached.WHOLE
    if found not in (None, cached.WHOLE):
        raise errors.HostError(f"the image in the cache is damaged: {base(volume)}", why=str(found), hint="see `orchestrator image verify`")
    return cache.fetch(volume.image, base(volume)) if volume.image and found is None else ()


def _filled(volume: Volume, part: str) -> tuple[tuple[Action, ...], tuple[Action, ...]]:
    """Whether the image fits, to be asked before anything is made, and what brings it into the file."""
    if volume.image is None:
        return (), ()
    convert = Command((*LIMITS, "qemu-img", "convert", "-f", "raw", "-O", "raw", base(volume), part), timeout=1800)
    return (cache.fits(base(volume), volume.bytes, "volume"),), (convert,)


def expects(volume: Volume, facts: Facts) -> dict[Key, object]:
    if volume.adopted:  # it may be of a format that grows while its guest writes
        return {}
    found = facts[size.Key(volumes.path(volume))]
    image: dict[Key, object] = {cached.Key(base(volume)): cached.WHOLE} if volume.image and found is None else {}
    return {size.Key(volumes.path(volume)): max(found, volume.bytes) if isinstance(found, int) else volume.bytes, **image}


def doom(volume: Volume, facts: Facts) -> tuple[Action, ...]:
    """Removes its data."""
    path = volumes.path(volume)
    part = () if volume.adopted else (f"{path}.part",)
    return (Command(("rm", "-f", "--", path, *part)),) if facts[size.Key(path)] is not None else ()


def doomed(volume: Volume) -> dict[Key, object]:
    """What is true then."""
    return {size.Key(volumes.path(volume)): None}
