"""How the lab's hosts are reached: key pair, known hosts, inventory."""

from __future__ import annotations

import json
import shlex

from orchestrator.lab import folder as folders
from orchestrator.lab import programs

USER, PORT = "root", 22


def make_key(folder: folders.Folder) -> None:
    """Make the key pair, unless it is there; the private half for its owner's eyes only."""
    if folder.key.exists() and folder.key.with_suffix(".pub").exists():
        return
    folder.key.unlink(missing_ok=True)
    programs.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"lab {folder.name}", "-f", str(folder.key)), folder.name)


def write(folder: folders.Folder, record: folders.Record) -> None:
    """Write known_hosts and the inventory of the record's hosts, where they differ."""
    numbers = range(1, record.hosts + 1)
    keys = ((folder.host(number) / "etc/ssh/ssh_host_ed25519_key.pub").read_text().split()[:2] for number in numbers)
    lines = (f"{record.address(number)} {kind} {key}\n" for number, (kind, key) in zip(numbers, keys, strict=True))
    folders.keep(folder.known_hosts, "".join(lines))
    folders.keep(folder.inventory, inventory(folder, record))


def inventory(folder: folders.Folder, record: folders.Record) -> str:
    """The inventory, in Ansible's words."""
    arguments = f"-o UserKnownHostsFile={shlex.quote(str(folder.known_hosts))}"
    head = f"""# Practice hosts of the lab '{folder.name}', written by `orchestrator lab up`.
all:
  vars:
    ansible_user: {USER}
    ansible_port: {PORT}
    ansible_ssh_private_key_file: {json.dumps(str(folder.key))}
    ansible_ssh_common_args: {json.dumps(arguments)}
    virt_type: qemu
    physical_networks: {{phys0: eth1, phys1: br-phys1, phys2: br-ex}}
    volume_backends: {{rbd: {{pool: volumes}}}}
  children:
    compute:
      hosts:
"""
    hosts = (f"        {folder.name}{number}: {{ansible_host: {record.address(number)}}}\n" for number in range(1, record.hosts + 1))
    storage = f"    storage:\n      hosts:\n        {folder.name}{folders.STORAGE}:\n"
    return head + "".join(hosts) + storage


def ssh(folder: folders.Folder, address: str) -> tuple[str, ...]:
    """The argv that opens a strictly checked session; this machine's own ssh settings have no say."""
    options = (
        f'UserKnownHostsFile="{folder.known_hosts}"',
        "StrictHostKeyChecking=yes",
        "IdentitiesOnly=yes",
        "BatchMode=yes",
        "LogLevel=ERROR",
    )
    flags = tuple(word for option in options for word in ("-o", option))
    return ("ssh", "-F", "none", "-i", str(folder.key), "-p", str(PORT), *flags, "--", f"{USER}@{address}")
