"""Ansible's YAML inventories: groups as mappings with `hosts`, `vars` and `children`."""

from __future__ import annotations

from orchestrator.files import yaml
from orchestrator.files.inventory import tree
from orchestrator.model.errors import SpecError

PLUGIN_HINT = "put an executable file in its place that runs: exec ansible-inventory -i PLUGIN_FILE --list"


def read(text: str, source: str, into: tree.Tree) -> None:
    """Add what the text says to the tree; errors are noted there."""
    try:
        document = yaml.load(text, source)
    except SpecError as error:
        into.wrong(error)
        return
    if isinstance(document, yaml.Mapping):
        _read_groups(document, into)
    elif not (isinstance(document, yaml.Scalar) and document.value is None):
        why = "a YAML inventory is a mapping of groups"
        into.wrong(SpecError("this is no inventory", str(document.mark), why, "begin with 'all:' and 'hosts:' below it"))


def _read_groups(document: yaml.Mapping, into: tree.Tree) -> None:
    for name, body in document.items:
        if name.text == "plugin" and isinstance(body, yaml.Scalar):
            what = f"inventory plugin {body.text!r}"
            into.wrong(SpecError(what, str(name.mark), "plugins of Ansible are not run here", PLUGIN_HINT))
            return
    for name, body in document.items:
        _read_group(name, body, into)


def _read_group(name: yaml.Scalar, body: yaml.Node, into: tree.Tree) -> None:
    group = into.group(name.text, name.mark).name
    for key, section in _entries(body, f"group {group!r}", into):
        if key.text == "hosts":
            for host, variables in _names(section, f"hosts of group {group!r}", into):
                found = _entries(variables, f"variables of host {host.text!r}", into)
                into.host(host.text, group, {key.text: value for key, value in found}, host.mark)
        elif key.text == "children":
            for child, inner in _names(section, f"children of group {group!r}", into):
                _read_group(child, inner, into)
                into.child(group, child.text, child.mark)
        elif key.text == "vars":
            found = _entries(section, f"vars of group {group!r}", into)
            into.set_group(group, {key.text: value for key, value in found})
        else:
            what, why = f"unknown key {key.text!r} in group {group!r}", "a group has hosts, vars and children"
            hint = "put hosts below 'hosts:', groups below 'children:'"
            into.wrong(SpecError(what, str(key.mark), why, hint))


def _entries(node: yaml.Node, what: str, into: tree.Tree) -> tuple[tuple[yaml.Scalar, yaml.Node], ...]:
    """Keys and values of a mapping; nothing for null; anything else is noted as an error."""
    if isinstance(node, yaml.Mapping):
        return node.items
    if not (isinstance(node, yaml.Scalar) and node.value is None):
        kind = "a list" if isinstance(node, yaml.Sequence) else "a single value"
        hint = "write each name with ':' behind it, without '-'" if isinstance(node, yaml.Sequence) else ""
        into.wrong(SpecError(f"{what} must be a mapping", str(node.mark), f"{kind} stands here", hint))
    return ()


def _names(node: yaml.Node, what: str, into: tree.Tree) -> tuple[tuple[yaml.Scalar, yaml.Node], ...]:
    """The same, where Ansible also takes a lone name."""
    if isinstance(node, yaml.Scalar) and isinstance(node.value, str):
        return ((node, yaml.Scalar(None, "", node.mark)),)
    return _entries(node, what, into)
