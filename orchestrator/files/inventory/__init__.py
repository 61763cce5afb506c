"""Ansible's inventories, read without Ansible: sources -> groups and hosts -> variables -> model.Inventory.

One module per form of source (ini, mapping, script), each with a `read` that fills the tree and notes its errors there.
A new host variable is one row in hosts.py. Never here: Jinja (a variable we read must be plain), plugins, connections.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from orchestrator.files.inventory import aggregates, hosts, sources, tree, variables
from orchestrator.model.errors import SpecError, SpecErrors
from orchestrator.model.host import Inventory

PLACE = re.compile(r"(.*):([0-9]+):([0-9]+)", re.DOTALL)


def load(paths: Sequence[str]) -> Inventory:
    """The inventory of all sources together, later ones adding to earlier ones: files, directories, programs, `host1,host2,`.

    Raises SpecErrors with everything that is wrong in any of them, each with file:line:column.
    """
    found = tree.Tree()
    folders = [folder for path in paths if (folder := sources.read(path, found)) is not None]
    found.close()
    resolver = variables.Resolver(found, folders)
    order = found.members("all")
    shared = aggregates.of_groups(resolver, found.groups, found.wrong)
    for name in order:
        aggregates.refuse_own(resolver.of_host(name), found.wrong)
    result = Inventory(
        hosts={name: hosts.host(name, resolver.groups_of(name), resolver.resolve(name), shared, found.wrong) for name in order},
        groups={name: found.members(name) for name in found.groups},
        children={name: tuple(group.children) for name, group in found.groups.items() if group.children},
        sources=tuple(paths),
    )
    if found.errors:
        raise SpecErrors(_in_order(found.errors))
    return result


def _in_order(errors: Sequence[SpecError]) -> tuple[SpecError, ...]:
    """By file, as they were read, then by line. A group's wrong variable is met once for each of its hosts, and told once."""
    places = [PLACE.fullmatch(error.where) for error in errors]
    files = {(place[1] if place else error.where): None for place, error in zip(places, errors, strict=True)}
    order = {file: number for number, file in enumerate(files)}

    def key(error: SpecError) -> tuple[int, int, int]:
        place = PLACE.fullmatch(error.where)
        return (order[place[1]], int(place[2]), int(place[3])) if place else (order[error.where], 0, 0)

    return tuple({str(error): error for error in sorted(errors, key=key)}.values())
