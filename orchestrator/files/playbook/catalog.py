"""Entries by kind and name: each name once over all files and plays, and every reference leads somewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from orchestrator.files.playbook import entries, findings, plays, strict, validation

Catalog = Mapping[str, Mapping[str, plays.Declared]]
Found = TypeVar("Found", bound=strict.Entry)

REFERENCES = {"flavor": "flavors", "image": "images", "keypair": "keypairs"}
REQUIRED = frozenset({"flavor", "image"})


def of(declared: Iterable[plays.Declared], found: findings.Findings) -> Catalog:
    """The first entry of each name; a second one is noted."""
    catalog: dict[str, dict[str, plays.Declared]] = {section: {} for section in entries.MODELS}
    for each in declared:
        first = catalog[each.section].setdefault(each.name, each)
        if first is not each and each.name:
            what = f"{each.section.removesuffix('s')} '{each.name:.64}' is declared twice"
            if first.node is each.node:
                found.add(each.place("name"), what, "its loop gives this name again", 'name the item: "web-{{ item }}"')
            else:
                found.add(each.place("name"), what, f"first at {first.place('name')}", "rename one")
    return catalog


def entries_of(catalog: Catalog, section: str, kind: type[Found]) -> tuple[tuple[Found, plays.Declared], ...]:
    """The good entries of a section, in the order written."""
    return tuple((each.entry, each) for each in catalog[section].values() if isinstance(each.entry, kind))


def check_references(catalog: Catalog, found: findings.Findings) -> None:
    """Notes whatever an instance refers to that nobody declares."""
    for entry, declared in entries_of(catalog, "instances", entries.InstanceEntry):
        for field, section in REFERENCES.items():
            name = getattr(entry, field)
            if name is not None:
                _check(declared, (field,), (section, name), catalog, found)
            elif field in REQUIRED and entry.state != "absent" and declared.lacks(field):
                found.add(declared.node.mark, f"'{field}' is missing in instance '{entry.name}'")
        for number, request in enumerate(entry.networks):
            _check(declared, ("networks", number, "network"), ("networks", request.network), catalog, found)


def _check(
    declared: plays.Declared,
    loc: tuple[int | str, ...],
    target: tuple[str, str],
    catalog: Catalog,
    found: findings.Findings,
) -> None:
    section, name = target
    known = catalog[section]
    if name not in known and "" not in known:
        hint = validation.near(name, known) or f"declare it under {section}"
        what = f"no {section.removesuffix('s')} '{name:.64}' for instance '{declared.name}'"
        found.add(declared.place(*loc), what, hint=hint)
