"""Ansible's INI inventories: `[group]`, `[group:vars]`, `[group:children]`, host lines with `key=value`.

Facts of the grammar are ansible-core 2.19's: values are Python literals where they can be read so, else text; a host
line is split like a shell line, where `#` begins a comment; a variable line is everything after `=`.
"""

from __future__ import annotations

import ast
import re
import shlex
import warnings

from orchestrator.files import yaml
from orchestrator.files.inventory import tree
from orchestrator.model.errors import SpecError
from orchestrator.model.mark import Mark

SECTION = re.compile(r"\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?")
GROUP = re.compile(r"([^:\]\s]+)\s*(?:#.*)?")
KINDS = ("hosts", "children", "vars")


def read(text: str, source: str, into: tree.Tree) -> None:
    """Add what the text says to the tree; every wrong line is noted as an error there."""
    reader = _Reader(source, into)
    for number, line in enumerate(text.split("\n"), 1):
        try:
            reader.line(line, number)
        except SpecError as error:
            into.wrong(error)
    reader.close()


def value(text: str, mark: Mark) -> yaml.Node:
    """The value of a variable as Ansible reads it from INI. Raises SpecError when it nests too deep."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            literal = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return yaml.Scalar(text, text, mark)
    found = yaml.wrap(literal, mark)
    return yaml.Scalar(found.value, text, mark) if isinstance(literal, float) and isinstance(found, yaml.Scalar) else found


class _Reader:
    """Reads line by line; remembers the section, and groups that were used before they were declared."""

    def __init__(self, source: str, into: tree.Tree) -> None:
        self.source, self.tree = source, into
        self.group, self.kind = "ungrouped", "hosts"
        self.children: dict[str, list[tuple[str, Mark]]] = {}  # undeclared group -> parents that named it
        self.vars: dict[str, Mark] = {}  # undeclared group -> its [group:vars]

    def line(self, raw: str, number: int) -> None:
        line = raw.strip()
        mark = Mark(self.source, number, len(raw) - len(raw.lstrip()) + 1)
        if found := yaml.CONTROL.search(line):
            raise SpecError(f"control character U+{ord(found[0]):04X}", str(mark), hint="remove it")
        if not line or line[0] in "#;":
            return
        if section := SECTION.fullmatch(line):
            self.section(section[1], section[2] or "hosts", mark)
        elif line.startswith("[") and line.endswith("]"):
            hint = "write [group], [group:vars] or [group:children], without spaces"
            raise SpecError(f"section {line!r} is not understood", str(mark), "", hint)
        elif self.kind == "hosts":
            self.host(line, mark)
        elif self.kind == "vars":
            self.variable(line, mark)
        else:
            self.child(line, mark)

    def section(self, group: str, kind: str, mark: Mark) -> None:
        self.group, self.kind = group, kind if kind in KINDS else "hosts"
        if kind == "vars" and group not in self.tree.groups:
            self.vars.setdefault(group, mark)
        self.tree.group(group, mark)
        if kind not in KINDS:
            why = "sections are [group], [group:vars] and [group:children]"
            raise SpecError(f"section '[{group}:{kind}]' has an unknown kind", str(mark), why)
        if kind != "vars":
            self.vars.pop(group, None)
            for parent, place in self.children.pop(group, []):
                self.tree.child(parent, group, place)

    def host(self, line: str, mark: Mark) -> None:
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            hint = "close the quotes, or escape them"
            raise SpecError("the host line cannot be split", str(mark), str(error), hint) from None
        if words[0] == "---":
            raise SpecError("'---' is not a host", str(mark), "this looks like YAML", "name the file .yml or .yaml")
        variables: tree.Variables = {}
        for word in words[1:]:
            name, equals, text = word.partition("=")
            place = Mark(mark.source, mark.line, mark.column + max(line.find(f"{name}="), 0))
            if not equals or not name:
                what = f"{word!r} is not key=value"
                self.tree.wrong(SpecError(what, str(place), "after the host's name only variables may follow"))
                continue
            variables[name] = value(text, place)
        self.tree.host(words[0], self.group, variables, mark)

    def variable(self, line: str, mark: Mark) -> None:
        name, equals, text = (part.strip() for part in line.partition("="))
        if not equals or not name:
            raise SpecError(f"{line!r} is not key=value", str(mark), f"in section [{self.group}:vars]")
        self.tree.set_group(self.group, {name: value(text, mark)})

    def child(self, line: str, mark: Mark) -> None:
        match = GROUP.fullmatch(line)
        if match is None:
            raise SpecError(f"{line!r} is not a group name", str(mark), f"in section [{self.group}:children]")
        if match[1] in self.tree.groups and match[1] not in self.vars:
            self.tree.child(self.group, match[1], mark)
        else:
            self.children.setdefault(match[1], []).append((self.group, mark))

    def close(self) -> None:
        for group, mark in self.vars.items():
            why = f"no [{group}] declares it"
            self.tree.wrong(SpecError(f"variables of the undefined group {group!r}", str(mark), why, f"add [{group}]"))
        for group, parents in self.children.items():
            for parent, mark in parents:
                what = f"group {parent!r} has the undefined child {group!r}"
                self.tree.wrong(SpecError(what, str(mark), f"no [{group}] declares it", f"add [{group}]"))
