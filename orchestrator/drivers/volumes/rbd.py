"""A volume as an image of a Ceph pool, by the rbd command of a host that reaches the cluster; made under another name and renamed when it is whole."""

from __future__ import annotations

from orchestrator.commands.command import Action, Command
from orchestrator.drivers.images import cache
from orchestrator.drivers.volumes import local
from orchestrator.facts import cached, rbd
from orchestrator.facts.gather import Facts, Key
from orchestrator.model import names
from orchestrator.model.volume import Volume


def needs(volume: Volume) -> tuple[Key, ...]:
    return (_key(volume), *((cached.Key(local.base(volume)),) if volume.image else ()))


def plan(volume: Volume, facts: Facts) -> tuple[str, tuple[Action, ...]]:
    """Why, and what to do; what `local.fetch` does is done before."""
    image, found = _image(volume), facts[_key(volume)]
    if isinstance(found, int):
        grow = (_rbd(volume, "resize", "--no-progress", "--size", f"{volume.bytes}B", "--", image),) if found < volume.bytes else ()
        return ("volume is to grow" if grow else "volume is there"), grow
    if volume.image is None:
        return "volume is missing", (_rbd(volume, "create", "--size", f"{volume.bytes}B", "--", image),)
    part = f"{image}.part"
    return "volume is missing", (
        cache.fits(local.base(volume), volume.bytes, "volume"),
        _rbd(volume, "rm", "--no-progress", "--", part, accepts=(0, rbd.ABSENT)),  # what an interrupted import left
        _rbd(volume, "import", "--no-progress", "--", local.base(volume), part),
        _rbd(volume, "resize", "--no-progress", "--size", f"{volume.bytes}B", "--", part),
        _rbd(volume, "rename", "--", part, image),
    )


def expects(volume: Volume, facts: Facts) -> dict[Key, object]:
    found = facts[_key(volume)]
    return {_key(volume): max(found, volume.bytes) if isinstance(found, int) else volume.bytes}


def doom(volume: Volume, facts: Facts) -> tuple[Action, ...]:
    """Removes its data; the cluster refuses while somebody has it open."""
    if facts[_key(volume)] is None:
        return ()
    return (_rbd(volume, "rm", "--no-progress", "--", _image(volume), accepts=(0, rbd.ABSENT)),)


def doomed(volume: Volume) -> dict[Key, object]:
    """What is true then."""
    return {_key(volume): None}


def _image(volume: Volume) -> str:
    return f"{volume.options['pool']}/{names.volume(volume.id)}"


def _key(volume: Volume) -> rbd.Key:
    options = volume.options
    return rbd.Key(_image(volume), options.get("user", "admin"), options.get("conf", ""), options.get("monitors", ""))


def _rbd(volume: Volume, *words: str, accepts: tuple[int, ...] = (0,)) -> Command:
    return Command(("rbd", *_key(volume).access, *words), accepts=accepts, timeout=1800)
