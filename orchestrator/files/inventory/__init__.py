"""Ansible's inventories, read without Ansible: sources -> groups and hosts -> variables -> model.Inventory.

One module per form of source (ini, mapping, script), each with a `read` that fills the tree and notes its errors there.
A new host variable is one row in hosts.py. Never here: Jinja (a variable we read must be plain), plugins, connections.
"""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.files.inventory import hosts, sources, tree, variables
from orchestrator.model.errors import SpecError, SpecErrors
from orchestrator.model.host import Inventory


def load(paths: Sequence[str]) -> Inventory:
    """The inventory of all sources together, later ones adding to earlier ones: files, directories, programs, `host1,host2,`.

    Raises SpecErrors with everything that is wrong in any of them, each with file:line:column.
    """
    found = tree.Tree()
    folders = [folder for path in paths if (folder := sources.read(path, found)) is not None]
    found.close()
    resolver = variables.Resolver(found, folders)
    order = found.members("all")
    result = Inventory(
        hosts={name: hosts.host(name, resolver.groups_of(name), resolver.resolve(name), found.wrong) for name in order},
        groups={name: found.members(name) for name in found.groups},
        children={name: tuple(group.children) for name, group in found.groups.items() if group.children},
        sources=tuple(paths),
    )
    if found.errors:
        raise SpecErrors(_each_once(found.errors))
    return result


def _each_once(errors: Sequence[SpecError]) -> tuple[SpecError, ...]:
    """A group's wrong variable is met once for each of its hosts, and told once."""
    return tuple({str(error): error for error in errors}.values())
