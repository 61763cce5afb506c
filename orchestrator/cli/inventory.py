"""`orchestrator inventory`: what the inventory says, and whether its hosts answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

import click

from orchestrator.cli import options, secrecy, yaml_text
from orchestrator.commands import quoting
from orchestrator.model import host as hosts
from orchestrator.model import pattern as patterns
from orchestrator.ports.clock import Clock
from orchestrator.ports.transport import Transport

if TYPE_CHECKING:
    from orchestrator.services.ping import Pong

COLUMNS = ("NAME", "ADDRESS", "PORT", "USER", "CONNECTION", "ZONE", "GROUPS")


class Settings(Protocol):
    """The flags these commands look at."""

    @property
    def forks(self) -> int:
        """Hosts asked at once."""


class Wiring(Protocol):
    """What these commands ask of the wiring."""

    def inventory(self) -> hosts.Inventory:
        """The inventory that -i names."""

    @property
    def transport(self) -> Transport: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def settings(self) -> Settings: ...


@click.group()
def inventory() -> None:
    """Hosts and groups, as Ansible's inventories name them."""


@inventory.command("list")
@options.output("table", "json", "yaml", "name")
@options.inventory
@options.everywhere
@click.pass_obj
def list_(wiring: Wiring, output: str) -> None:
    """List the hosts; json has the shape of `ansible-inventory --list`."""
    found = wiring.inventory()
    if output == "name":
        lines = list(found.hosts)
    elif output == "json":
        lines = [json.dumps(document(found), indent=2)]
    elif output == "yaml":
        lines = [yaml_text.dump(document(found))]
    else:
        lines = list(aligned([COLUMNS, *map(_row, found.hosts.values())]))
    for line in lines:
        click.echo(line)


@inventory.command()
@click.argument("group", default="all")
@options.inventory
@options.everywhere
@click.pass_obj
def graph(wiring: Wiring, group: str) -> None:
    """Show GROUP (all) as a tree of groups and hosts."""
    found = wiring.inventory()
    if group not in found.groups:
        raise click.BadParameter(f"no group {group!r}")
    for line in tree(found, group):
        click.echo(line)


@inventory.command()
@click.argument("pattern", default="all")
@options.output("table", "json")
@options.inventory
@options.reaching
@options.everywhere
@click.pass_context
def ping(context: click.Context, pattern: str, output: str) -> None:
    """Connect to the hosts of PATTERN (all) and say as whom commands run there. Exits with 4 when one does not answer."""
    from orchestrator.services import ping as service

    wiring: Wiring = context.obj
    found = wiring.inventory()
    chosen = [found.hosts[name] for name in patterns.select(pattern, found)]
    pongs = service.ping(wiring.transport, wiring.clock, chosen, wiring.settings.forks)
    if output == "json":
        answers = [
            {"host": pong.host, "ok": not pong.error, "user": pong.user, "ms": pong.milliseconds, "error": str(pong.error or "")}
            for pong in pongs
        ]
        click.echo(json.dumps({"schema_version": 1, "hosts": answers}, indent=2))
    else:
        for line in aligned([("HOST", "ANSWER"), *((pong.host, _answer(pong)) for pong in pongs)]):
            click.echo(line)
    context.exit(4 if any(pong.error for pong in pongs) else 0)


def _answer(pong: Pong) -> str:
    return quoting.line(str(pong.error) if pong.error else f"as {pong.user}, {pong.milliseconds} ms")


def document(found: hosts.Inventory) -> dict[str, object]:
    """Ansible's `--list`: groups with their own hosts and children, variables under `_meta`; secrets are masked."""
    groups: dict[str, object] = {}
    for name in found.groups:
        own = [] if name == "all" else list(_own(found, name))
        body = {"hosts": own, "children": list(found.children.get(name, ()))}
        if any(body.values()):
            groups[name] = {key: value for key, value in body.items() if value}
    variables = {name: secrecy.masked(host.variables) for name, host in found.hosts.items() if host.variables}
    return {"schema_version": 1, **groups, "_meta": {"hostvars": variables}}


def tree(found: hosts.Inventory, group: str, depth: int = 0) -> Iterator[str]:
    """Lines of Ansible's `--graph`."""
    stem = "  |" * depth + "--" if depth else ""
    yield f"{stem}@{group}:"
    for child in found.children.get(group, ()):
        yield from tree(found, child, depth + 1)
    for name in _own(found, group) if group != "all" else ():
        yield "  |" * (depth + 1) + f"--{name}"


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows as lines of columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _own(found: hosts.Inventory, group: str) -> Iterator[str]:
    """Hosts of the group that none of its child groups has."""
    below = {host for child in found.children.get(group, ()) for host in found.groups[child]}
    return (host for host in found.groups[group] if host not in below)


def _row(host: hosts.Host) -> tuple[str, ...]:
    user, groups = host.user or "-", ",".join(host.groups)
    return (host.name, host.address, str(host.port), user, host.connection, host.availability_zone, groups)
