"""Volumes: each in one instance at most, bootable where booted from, large enough for its image; and what they become."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.files.playbook import catalog, entries, findings, plays
from orchestrator.model import desired, mark

GIBIBYTE = 1 << 30
MOST = 23  # of one instance: disks are vda to vdz, and the flavor may ask for three of them


def volumes(all_entries: catalog.Catalog) -> dict[str, desired.Volume]:
    """The volumes by name."""
    return {
        entry.name: desired.Volume(
            entry.name, entry.size, entry.backend, entry.image, entry.read_only, str(declared.node.mark), entry.path or ""
        )
        for entry, declared in catalog.entries_of(all_entries, "volumes", entries.VolumeEntry)
    }


def check(all_entries: catalog.Catalog, found: findings.Findings) -> None:
    """Notes what volumes cannot be, and what instances cannot do with them."""
    _check_attachments(all_entries, found)
    _check_paths(all_entries, found)


def _check_attachments(all_entries: catalog.Catalog, found: findings.Findings) -> None:
    """Notes volumes that are attached twice, and instances that could not boot (absent instances have no volumes)."""
    taken: dict[str, tuple[str, mark.Mark]] = {}
    for entry, declared in catalog.entries_of(all_entries, "instances", entries.InstanceEntry):
        if entry.state == "absent":
            continue
        placed = tuple(entry.placed_volumes())
        for name, loc in placed:
            place = declared.place(*loc)
            owner, first = taken.setdefault(name, (entry.name, place))
            if (owner, first) != (entry.name, place):
                why = "its loop gives it to every item" if first == place else f"attached to instance '{owner}' at {first}"
                found.add(place, f"volume '{name:.64}' of instance '{entry.name}'", why, "a volume is attached once, to one instance")
        if len(placed) > MOST:
            found.add(declared.node.mark, f"instance '{entry.name}' has {len(placed)} volumes", f"at most {MOST} are possible")
        _check_boot(entry, declared, all_entries["volumes"], found)


def _check_paths(all_entries: catalog.Catalog, found: findings.Findings) -> None:
    """Notes volumes that are to be a file that is there, and something else besides."""
    for entry, declared in catalog.entries_of(all_entries, "volumes", entries.VolumeEntry):
        if entry.path is not None and (entry.backend != "local" or entry.image is not None):
            why = f"its backend is '{entry.backend}'" if entry.backend != "local" else "an image would be written over what is in it"
            found.add(declared.place("path"), f"path '{entry.path:.64}' of volume '{entry.name}'", why, "leave one out")


def _check_boot(
    entry: entries.InstanceEntry, declared: plays.Declared, known: Mapping[str, plays.Declared], found: findings.Findings
) -> None:
    place, title = declared.place("block_device_mapping"), f"block_device_mapping in instance '{entry.name}'"
    if not entry.boot_volumes:
        if entry.block_device_mapping is not None and entry.image is None and not declared.lost:
            found.add(place, title, "the instance has nothing to boot from", "add image, or boot_index: 0 to one of them")
        return
    if len(entry.boot_volumes) > 1:
        found.add(place, title, f"boot_index: 0 is given to {len(entry.boot_volumes)} volumes", "give it to one")
    elif entry.image is not None:
        why = f"the instance boots from volume '{entry.boot_volumes[0]:.64}' and from image '{entry.image:.64}'"
        found.add(place, title, why, "leave one out")
    volume = known.get(entry.boot_volumes[0])
    if volume is not None and volume.entry is not None and volume.lacks("image", "path"):
        found.add(place, title, f"volume '{volume.name}' is blank: there is nothing to boot from", "give the volume an image")


def check_sizes(all_entries: catalog.Catalog, images: Mapping[str, desired.Image], found: findings.Findings) -> None:
    """Notes volumes that are smaller, and instances that have less RAM, than the volume's image wants, as far as that is known by now."""
    for entry, declared in catalog.entries_of(all_entries, "volumes", entries.VolumeEntry):
        image = images.get(entry.image or "")
        least = max(-(-image.virtual_size // GIBIBYTE), image.min_disk) if image else 0
        if image and entry.size < least:
            what = f"size '{entry.size}' in volume '{entry.name}'"
            found.add(declared.place("size"), what, f"is smaller than image '{image.name}' wants", f"give it {least} GiB or more")
    sources = {entry.name: entry.image for entry, _ in catalog.entries_of(all_entries, "volumes", entries.VolumeEntry)}
    flavors = {entry.name: entry for entry, _ in catalog.entries_of(all_entries, "flavors", entries.FlavorEntry)}
    for instance, declared in catalog.entries_of(all_entries, "instances", entries.InstanceEntry):
        flavor = flavors.get(instance.flavor or "")
        for name in instance.boot_volumes if flavor and instance.state != "absent" else ():
            image = images.get(sources.get(name) or "")
            if flavor and image and flavor.ram < image.min_ram:
                title = f"flavor '{flavor.name}' of instance '{instance.name}'"
                why = f"its {flavor.ram} MiB of RAM are fewer than image '{image.name}' of volume '{name}' wants"
                found.add(declared.place("flavor"), title, why, f"give it {image.min_ram} MiB or more")
