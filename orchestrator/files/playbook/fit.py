"""Whether flavors and images go together: what each asks of the guest's hardware, weighed as when the guest is made."""

from __future__ import annotations

from orchestrator.files.playbook import catalog, entries, findings, nouns, plays, properties
from orchestrator.model import desired
from orchestrator.rendering import hardware, topology


def check_hardware(all_entries: catalog.Catalog, found: findings.Findings) -> None:
    """Notes flavors that contradict themselves, and images whose properties the flavors of their instances do not allow."""
    flavors, sound = nouns.flavors(all_entries), set[str]()
    for flavor, declared in catalog.entries_of(all_entries, "flavors", entries.FlavorEntry):
        error = _unfit(flavors[flavor.name], desired.NO_IMAGE)
        if error:
            found.add(declared.place("extra_specs", error.key), f"{error.what} in flavor '{flavor.name}'", error.why, error.hint)
        else:
            sound.add(flavor.name)
    images = {entry.name: (entry, declared) for entry, declared in catalog.entries_of(all_entries, "images", entries.ImageEntry)}
    for instance, _ in catalog.entries_of(all_entries, "instances", entries.InstanceEntry):
        if instance.flavor in sound and instance.image in images and instance.state != "absent":
            _check_pair(flavors[instance.flavor], *images[instance.image], found)


def _check_pair(flavor: desired.Flavor, entry: entries.ImageEntry, declared: plays.Declared, found: findings.Findings) -> None:
    """Said once for each pair, at the image's own words, however many instances are made of it."""
    error = _unfit(flavor, desired.Image(entry.name, "", "", properties=properties.texts(entry.properties)))
    if error:
        what = f"{error.what} in image '{entry.name}' with flavor '{flavor.name}'"
        found.add(declared.place("properties", error.key), what, error.why, error.hint)


def _unfit(flavor: desired.Flavor, image: desired.Image) -> topology.UnfitError | None:
    try:
        hardware.of(flavor, image)
    except topology.UnfitError as error:
        return error
    return None
