"""Entries by kind and name: each name once over all files and plays, and every reference leads somewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from orchestrator.files.playbook import entries, findings, networking, plays, strict, validation
from orchestrator.model import desired

Catalog = Mapping[str, Mapping[str, plays.Declared]]
Loc = tuple[int | str, ...]
Found = TypeVar("Found", bound=strict.Entry)

REFERENCES = {"flavor": "flavors", "image": "images", "keypair": "keypairs", "server_group": "server_groups"}
ALWAYS = {"security_groups": frozenset({desired.DEFAULT_GROUP})}
"""What is there without being declared."""


def of(declared: Iterable[plays.Declared], found: findings.Findings) -> Catalog:
    """The first entry of each name; a second one is noted."""
    catalog: dict[str, dict[str, plays.Declared]] = {section: {} for section in entries.MODELS}
    for each in declared:
        first = catalog[each.section].setdefault(each.name, each)
        if first is not each and each.name:
            what = f"{validation.kind(each.section)} '{each.name:.64}' is declared twice"
            if first.node is each.node:
                found.add(each.place("name"), what, "its loop gives this name again", 'name the item: "web-{{ item }}"')
            else:
                found.add(each.place("name"), what, f"first at {first.place('name')}", "rename one")
    return catalog


def entries_of(catalog: Catalog, section: str, kind: type[Found]) -> tuple[tuple[Found, plays.Declared], ...]:
    """The good entries of a section, in the order written."""
    return tuple((each.entry, each) for each in catalog[section].values() if isinstance(each.entry, kind))


def check_references(catalog: Catalog, found: findings.Findings) -> None:
    """Notes whatever an entry refers to that nobody declares."""
    for entry, declared in entries_of(catalog, "instances", entries.InstanceEntry):
        if entry.state != "absent" and declared.lacks("flavor"):
            found.add(declared.node.mark, f"'flavor' is missing in instance '{entry.name}'")
        if entry.state != "absent" and declared.lacks("image", "block_device_mapping"):
            found.add(declared.node.mark, f"'image' is missing in instance '{entry.name}'")
        for target, loc in _of_instance(entry):
            _check(declared, loc, target, catalog, found)
    for group, declared in entries_of(catalog, "security_groups", networking.SecurityGroupEntry):
        for number, rule in enumerate(group.rules):
            if rule.remote_group is not None:
                _check(declared, ("rules", number, "remote_group"), ("security_groups", rule.remote_group), catalog, found)
    for volume, declared in entries_of(catalog, "volumes", entries.VolumeEntry):
        if volume.image is not None:
            _check(declared, ("image",), ("images", volume.image), catalog, found)


def _of_instance(entry: entries.InstanceEntry) -> Iterator[tuple[tuple[str, str], Loc]]:
    """Each (section, name) that an instance refers to, and where in its entry."""
    for field, section in REFERENCES.items():
        if getattr(entry, field) is not None:
            yield (section, getattr(entry, field)), (field,)
    yield from ((("security_groups", name), ("security_groups", number)) for number, name in enumerate(entry.security_groups or ()))
    if entry.scheduler_hints.group is not None:
        yield ("server_groups", entry.scheduler_hints.group), ("scheduler_hints", "group")
    yield from ((("volumes", name), loc) for name, loc in entry.placed_volumes())
    for number, port in enumerate(entry.networks):
        yield ("networks", port.network), ("networks", number, "network")
        for index, name in enumerate(port.security_groups or ()):
            yield ("security_groups", name), ("networks", number, "security_groups", index)


def _check(declared: plays.Declared, loc: Loc, target: tuple[str, str], catalog: Catalog, found: findings.Findings) -> None:
    section, name = target
    known = {*catalog[section], *ALWAYS.get(section, ())}
    if name not in known and "" not in known:
        hint = validation.near(name, known) or f"declare it under {section}"
        what = f"no {validation.kind(section)} '{name:.64}' for {validation.kind(declared.section)} '{declared.name}'"
        found.add(declared.place(*loc), what, hint=hint)
