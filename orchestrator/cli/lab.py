"""`orchestrator lab`: practice compute hosts on this machine, to learn and to test on."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import click

from orchestrator.cli import options
from orchestrator.model.lab import LabStatus
from orchestrator.ports import lab as ports

_NAME = click.option("--name", default="lab", show_default=True, metavar="NAME", help="Which lab: 1 to 5 of a-z, 0-9.")
_OUTPUT = options.output("table", "json")


class Wiring(Protocol):
    """What these commands ask of the wiring."""

    @property
    def lab(self) -> ports.Lab:
        """The labs of this machine."""


@click.group()
def lab() -> None:
    """Practice compute hosts on this machine: real sshd, libvirtd and QEMU, in namespaces. Needs root."""


@lab.command()
@click.option("--hosts", type=click.IntRange(min=1), metavar="N", help="How many hosts; as many as there are, or 2.")
@_NAME
@_OUTPUT
@options.everywhere
@click.pass_obj
def up(wiring: Wiring, hosts: int | None, name: str, output: str) -> None:
    """Start the lab; adds hosts up to N, starts dead ones again, leaves running ones alone."""
    status = wiring.lab.up(name, hosts)
    click.echo(_show(status, output))
    click.echo(f"Their inventory: -i {status.inventory}", err=True)


@lab.command()
@_NAME
@options.everywhere
@click.pass_obj
def down(wiring: Wiring, name: str) -> None:
    """Remove the lab, its hosts, their guests and disks."""
    removed = wiring.lab.down(name)
    click.echo(f"Lab '{name}' is gone." if removed else f"There is no lab '{name}': nothing to do.", err=True)


@lab.command()
@_NAME
@click.argument("hosts", nargs=-1, required=True, metavar="HOST...")
@_OUTPUT
@options.everywhere
@click.pass_obj
def reboot(wiring: Wiring, name: str, hosts: tuple[str, ...], output: str) -> None:
    """Cut the power of hosts and boot them: processes, /run, bridges and rules are gone, disks and definitions stay."""
    click.echo(_show(wiring.lab.reboot(name, hosts), output))


@lab.command()
@_NAME
@_OUTPUT
@options.everywhere
@click.pass_obj
def status(wiring: Wiring, name: str, output: str) -> None:
    """Show the lab's hosts and how to reach them."""
    click.echo(_show(wiring.lab.status(name), output))


@lab.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@_NAME
@click.argument("host")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@options.everywhere
@click.pass_obj
def ssh(wiring: Wiring, name: str, host: str, command: tuple[str, ...]) -> None:
    """Run COMMAND on HOST, or log in; exits as the command does."""
    sys.exit(wiring.lab.ssh(name, host, command[1:] if command[:1] == ("--",) else command))


@lab.command()
@click.argument("path", required=False, type=click.Path(path_type=Path, dir_okay=False))
@options.everywhere
@click.pass_obj
def image(wiring: Wiring, path: Path | None) -> None:
    """Make a small Linux guest image for the lab (13 MB, boots in seconds without KVM) and print where it is."""
    click.echo(wiring.lab.image(path))


def _show(status: LabStatus, output: str) -> str:
    return _json(status) if output == "json" else _table(status)


def _json(status: LabStatus) -> str:
    hosts = [
        {
            "name": host.name,
            "address": host.address,
            "port": host.port,
            "user": host.user,
            "key": str(host.key),
            "state": host.state.value,
            "pid": host.pid,
        }
        for host in status.hosts
    ]
    whole = {
        "schema_version": 1,
        "name": status.name,
        "subnet": status.subnet,
        "inventory": str(status.inventory),
        "known_hosts": str(status.known_hosts),
        "hosts": hosts,
    }
    return json.dumps(whole, indent=2)


def _table(status: LabStatus) -> str:
    rows = [("NAME", "ADDRESS", "USER", "STATE"), *((host.name, host.address, host.user, host.state) for host in status.hosts)]
    return "\n".join(_line(row, rows) for row in rows)


def _line(row: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = (max(len(other[column]) for other in rows) for column in range(len(row)))
    return "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
