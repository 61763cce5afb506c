"""Groups and hosts as the sources name them, before variables are merged. Filled source by source, then closed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from msgspec import Struct, field

from orchestrator.files import yaml
from orchestrator.files.inventory import ranges
from orchestrator.model.errors import SpecError, SpecErrors
from orchestrator.model.mark import Mark

GROUP_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+@/-]*")
Variables = dict[str, yaml.Node]


class Group(Struct):
    """A group: its own hosts and child groups in the order first named (the dicts' values mean nothing)."""

    name: str
    hosts: dict[str, None] = field(default_factory=dict)
    children: dict[str, None] = field(default_factory=dict)
    variables: Variables = field(default_factory=dict)
    priority: int = 1


class Tree:
    """What the sources said so far. Errors are kept in `errors`, so that all of them are told at once."""

    def __init__(self) -> None:
        self.groups = {"all": Group("all", children={"ungrouped": None}), "ungrouped": Group("ungrouped")}
        self.hosts: dict[str, Variables] = {}
        self.errors: list[SpecError] = []

    def wrong(self, error: SpecError) -> None:
        """Note an error and go on."""
        self.errors += error.errors if isinstance(error, SpecErrors) else (error,)

    def group(self, name: str, mark: Mark) -> Group:
        """The group called `name`, made when it is new. A name that is not allowed is noted as an error."""
        if name not in self.groups:
            if not GROUP_NAME.fullmatch(name):
                why = "letters, digits and . _ - + @ / only, beginning with a letter or digit"
                self.wrong(SpecError(f"group name {name!r} is not allowed", str(mark), why, "rename it"))
            self.groups[name] = Group(name)
        return self.groups[name]

    def host(self, expression: str, group: str, variables: Mapping[str, yaml.Node], mark: Mark) -> None:
        """Put the hosts that `expression` stands for into the group; `variables` are added to what they have."""
        try:
            names, port = ranges.expand(expression, mark)
        except SpecError as error:
            self.wrong(error)
            return
        own = {} if port is None else {"ansible_port": yaml.Scalar(port, str(port), mark)}
        for name in names:
            self.groups[group].hosts[name] = None
            self.hosts.setdefault(name, {}).update({**own, **variables})

    def child(self, parent: str, name: str, mark: Mark) -> None:
        """Make group `name` a child of `parent`; a cycle is noted as an error."""
        self.group(name, mark)
        if parent in self.descendants(name):
            why = f"{parent!r} is already below {name!r}" if parent != name else "a group cannot contain itself"
            self.wrong(SpecError(f"group cycle: {name!r} cannot be a child of {parent!r}", str(mark), why, "remove one"))
        else:
            self.groups[parent].children[name] = None

    def set_group(self, name: str, variables: Mapping[str, yaml.Node]) -> None:
        """Add group variables; `ansible_group_priority` orders groups of the same depth."""
        group = self.groups[name]
        for key, value in variables.items():
            if key != "ansible_group_priority":
                group.variables[key] = value
            elif isinstance(value, yaml.Scalar) and re.fullmatch(r"-?[0-9]{1,9}", value.text):
                group.priority = int(value.text)
            else:
                what = "ansible_group_priority is not a whole number"
                self.wrong(SpecError(what, str(value.mark), hint="write a number, such as 10"))

    def close(self) -> None:
        """Every group hangs below `all`, every host in no other group in `ungrouped` (Ansible's reconcile_inventory)."""
        children = {child for group in self.groups.values() for child in group.children}
        for name in self.groups:
            if name != "all" and name not in children:
                self.groups["all"].children[name] = None
        grouped = {host for name, group in self.groups.items() if name not in ("all", "ungrouped") for host in group.hosts}
        ungrouped = self.groups["ungrouped"].hosts
        for host in self.hosts:
            if host in grouped:
                ungrouped.pop(host, None)
            else:
                ungrouped[host] = None

    def descendants(self, name: str) -> tuple[str, ...]:
        """The group and all below it, nearest first."""
        found, waiting = {name: None}, [name]
        while waiting:
            waiting = [child for group in waiting for child in self.groups[group].children if child not in found]
            found.update(dict.fromkeys(waiting))
            waiting = list(dict.fromkeys(waiting))
        return tuple(found)

    def members(self, name: str) -> tuple[str, ...]:
        """Hosts of the group and of all below it, each once, in Ansible's order."""
        return tuple(dict.fromkeys(host for group in self.descendants(name) for host in self.groups[group].hosts))

    def depths(self) -> dict[str, int]:
        """How far each group is below `all`, by the longest way."""
        depths = dict.fromkeys(self.groups, 0)
        for depth, names in enumerate(self._levels()):
            depths.update(dict.fromkeys(names, depth))
        return depths

    def _levels(self) -> Iterator[list[str]]:
        level = ["all"]
        while level:
            yield level
            level = list(dict.fromkeys(child for name in level for child in self.groups[name].children))
