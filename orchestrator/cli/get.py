"""`orchestrator get`: list things, from the store alone."""

from __future__ import annotations

import click

from orchestrator.cli import chosen, kinds, options
from orchestrator.cli import output as forms
from orchestrator.cli.wiring import Wiring
from orchestrator.model import errors


@click.command()
@click.argument("kind", type=kinds.KindType())
@click.argument("names", metavar="[NAME...]", nargs=-1, shell_complete=kinds.complete)
@options.state
@options.inventory
@options.limited
@options.output("table", "wide", "json", "yaml", "name")
@options.everywhere
@click.pass_obj
def get(wiring: Wiring, kind: kinds.Kind, names: tuple[str, ...], output: str) -> None:
    """List instances, hosts, images, networks, ports, flavors, keypairs, server groups or runs, as recorded.

    KIND may be singular or short, too: i, inst or vm, img, net, key.
    """
    if wiring.settings.limit and not kind.placed:
        raise errors.UsageError(f"--limit means nothing to {kind.name}", hint="it is for instances, hosts and ports")
    found = {str(each["name"]): each for each in kind.objects(wiring)}
    chosen.check(names, tuple(found), kind.aliases[0], f"get {kind.name}")
    rows = [found[name] for name in dict.fromkeys(names)] if names else list(found.values())
    if output in ("json", "yaml"):
        forms.data(output, rows)
    elif output == "name":
        for row in rows:
            click.echo(row["name"])
    else:
        columns = kind.columns + (kind.wide if output == "wide" else ())
        for line in forms.table([column.upper() for column in columns], [[row.get(column) for column in columns] for row in rows]):
            click.echo(line)
