"""Which changes of what a guest is made of change the guest: its hardware, its room on the host's NUMA nodes, its disks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from orchestrator.model.desired import Flavor, Image
from orchestrator.model.instance import Instance
from orchestrator.planning.changes import DESTROY, FIXED, LIVE, REBOOT, Kind
from orchestrator.rendering import hardware, topology

DEVICES = "pci_passthrough:alias"
GIB = 1 << 30


def size(was: Flavor, wished: Flavor) -> Kind:
    """The class of another number of processors, or of another memory: a guest's NUMA nodes are where they were placed."""
    return FIXED if topology.cells(was) or topology.cells(wished) else REBOOT


def root(instance: Instance, wished: Flavor) -> bool:
    """Whether the root disk is as large as the flavor wishes, or can grow to that; so it is where there is none."""
    disk = next((each for each in instance.disks if each.name == "disk"), None)
    return disk is None or ((wished.disk * GIB) or instance.image.virtual_size or disk.size) >= disk.size


def blanks(instance: Instance, wished: Flavor, ephemerals: Sequence[int]) -> Kind:
    """The class of another list of ephemeral disks: one more is made beside those that there are, another one is made anew."""
    was = [(disk.name, disk.base.size) for disk in instance.disks if disk.base.kind == "ephemeral"]
    sizes = [(f"disk.eph{number}", each * GIB) for number, each in enumerate(ephemerals)] or [("disk.local", wished.ephemeral * GIB)]
    will = [each for each in sizes if each[1]]
    return LIVE if was == will else REBOOT if was == will[: len(was)] else DESTROY


def specs(instance: Instance, wished: Mapping[str, str]) -> dict[str, Kind]:
    """The class of each extra spec that differs."""
    was = instance.flavor

    def made(extra_specs: Mapping[str, str]) -> tuple[Flavor, Image]:
        return replace(was, extra_specs=extra_specs), instance.image

    kinds = {key: _kind(made(was.extra_specs), made(one)) for key, one in _singly(was.extra_specs, wished).items()}
    if DEVICES in kinds:
        kinds[DEVICES] = FIXED
    return _together(kinds, _kind(made(was.extra_specs), made(wished)))


def properties(instance: Instance, wished: Mapping[str, str]) -> dict[str, Kind]:
    """The class of each image property that differs."""
    was = instance.image

    def made(values: Mapping[str, str]) -> tuple[Flavor, Image]:
        return instance.flavor, replace(was, properties=values)

    kinds = {key: _kind(made(was.properties), made(one)) for key, one in _singly(was.properties, wished).items()}
    return _together(kinds, _kind(made(was.properties), made(wished)))


def _singly(was: Mapping[str, str], wished: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """By each key that differs, the values with that one changed alone."""
    changed = [key for key in dict.fromkeys((*was, *wished)) if was.get(key) != wished.get(key)]
    return {key: {name: value for name, value in {**was, key: wished.get(key)}.items() if value is not None} for key in changed}


def _kind(was: tuple[Flavor, Image], will: tuple[Flavor, Image]) -> Kind:
    """What does not go together by itself may go with the others that change."""
    try:
        if topology.cells(was[0]) != topology.cells(will[0]):
            return FIXED
        return LIVE if hardware.of(*was) == hardware.of(*will) else REBOOT
    except topology.UnfitError:
        return REBOOT


def _together(kinds: dict[str, Kind], whole: Kind) -> dict[str, Kind]:
    """Where none of them makes another guest by itself, and all of them do, it takes them all."""
    return dict.fromkeys(kinds, whole) if whole is not LIVE and all(kind is LIVE for kind in kinds.values()) else kinds
