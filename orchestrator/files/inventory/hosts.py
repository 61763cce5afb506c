"""Resolved variables -> model.Host: Ansible's connection words and our own, typed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from orchestrator.files import yaml
from orchestrator.files.inventory import aggregates, ranges, read_as, ssh_arguments, tree
from orchestrator.model.errors import SpecError
from orchestrator.model.host import Host

LOCALHOST = ("localhost", "127.0.0.1", "::1")
USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@\\-]{0,254}")
CONNECTIONS = {
    **dict.fromkeys(("ssh", "paramiko", "paramiko_ssh", "smart", "ansible.builtin.ssh", "ansible.builtin.paramiko_ssh"), "ssh"),
    **dict.fromkeys(("local", "ansible.builtin.local"), "local"),
}
KINDS = {"kvm": "kvm", "qemu": "qemu"}


def _key_file(name: str, node: yaml.Node) -> str:
    """Relative paths are of the working directory, `~` is the operator's home: Ansible's rules."""
    return os.path.abspath(os.path.expanduser(read_as.text(name, node)))  # noqa: PTH100, PTH111 - as in sources.read


def _only(word: str, why: str) -> read_as.Read[None]:
    def read(name: str, node: yaml.Node) -> None:
        if read_as.text(name, node) != word:
            read_as.refuse(name, node, f"{word!r}", why)

    return read


_address = read_as.satisfying(ranges.is_host, "a host name or an IP address")
_port = read_as.whole(1, 65535)
_user = read_as.matching(USER, "a user name")

# variable -> (field of Host, how it is read); of several for one field the last wins, as in Ansible's ssh plugin
CONNECTING: Mapping[str, tuple[str, read_as.Read[Any]]] = {
    "ansible_host": ("address", _address),
    "ansible_ssh_host": ("address", _address),
    "ansible_port": ("port", _port),
    "ansible_ssh_port": ("port", _port),
    "ansible_user": ("user", _user),
    "ansible_ssh_user": ("user", _user),
    "ansible_private_key_file": ("private_key_file", _key_file),
    "ansible_ssh_private_key_file": ("private_key_file", _key_file),
    "ansible_connection": ("connection", read_as.choice(CONNECTIONS, "ssh or local")),
}
OFFERING: Mapping[str, tuple[str, read_as.Read[Any]]] = {
    "ansible_become": ("become", read_as.truth),
    "availability_zone": ("availability_zone", read_as.matching(read_as.WORD, "letters, digits, '.', '-' and '_'")),
    "aggregates": ("aggregates", aggregates.read),
    "disabled": ("disabled", read_as.reason),
    "metrics": ("metrics", read_as.metrics),
    "pci_devices": ("pci_devices", read_as.pci_devices),
    "instances_path": ("instances_path", read_as.directory),
    "virt_type": ("virt_type", read_as.choice(KINDS, "kvm or qemu")),
    "physical_networks": ("physical_networks", read_as.networks),
    "cpu_allocation_ratio": ("cpu_allocation_ratio", read_as.ratio),
    "ram_allocation_ratio": ("ram_allocation_ratio", read_as.ratio),
    "disk_allocation_ratio": ("disk_allocation_ratio", read_as.ratio),
    "reserved_memory_mb": ("reserved_memory_mb", read_as.whole(0, 1 << 40)),
    "local_ip": ("local_ip", read_as.own_address),
    "volume_backends": ("volume_backends", read_as.volume_backends),
}
CHECKED: Mapping[str, read_as.Read[None]] = {
    "ansible_become_method": _only("sudo", "sudo -n is how rights are raised here"),
    "ansible_become_user": _only("root", "commands run as root, or as the user who connects"),
}
SSH_ARGUMENTS = ("ansible_ssh_common_args", "ansible_ssh_extra_args")


def host(
    name: str,
    groups: tuple[str, ...],
    variables: tree.Variables,
    shared: Mapping[str, aggregates.Declared],
    wrong: Callable[[SpecError], None],
) -> Host:
    """The host; each variable of the wrong type is given to `wrong`, and its default stands in. Null is the same as not given.

    `shared`: what groups say of the aggregates that they are.
    """
    plain = {key: yaml.plain(value) for key, value in variables.items()}
    variables = {key: value for key, value in variables.items() if plain[key] is not None}

    def attempt(variable: str, read: read_as.Read[Any]) -> Any:
        try:
            return read(variable, variables[variable])
        except SpecError as error:
            wrong(error)
            return None

    fields: dict[str, Any] = {"address": name}
    if name in LOCALHOST and not any(variable in variables for variable in (*CONNECTING, *SSH_ARGUMENTS)):
        fields["connection"] = "local"
    for variable, (field, read) in {**CONNECTING, **OFFERING}.items():
        if variable in variables and (value := attempt(variable, read)) is not None:
            fields[field] = value
    for variable in CHECKED.keys() & variables:
        attempt(variable, CHECKED[variable])
    fields["aggregates"] = aggregates.of_host(fields.get("aggregates", {}), ("all", *groups), shared)
    if "availability_zone" not in variables and (zone := aggregates.zone(name, fields["aggregates"], shared, wrong)):
        fields["availability_zone"] = zone
    options: dict[str, str] = {}
    for variable in (each for each in SSH_ARGUMENTS if each in variables):
        options = {**(attempt(variable, ssh_arguments.read) or {}), **options}
    return Host(name=name, groups=tuple(sorted(groups)), ssh_options=options, variables=plain, **fields)
