"""`orchestrator events`: every move and step of an instance."""

from __future__ import annotations

import click

from orchestrator.cli import chosen, objects, options
from orchestrator.cli import output as forms
from orchestrator.cli.wiring import Wiring
from orchestrator.model import errors

COLUMNS = ("at", "state", "step", "host", "result", "duration", "detail")


@click.command()
@click.argument("name", shell_complete=chosen.complete)
@options.state
@options.output("table", "wide", "json", "yaml")
@options.everywhere
@click.pass_obj
def events(wiring: Wiring, name: str, output: str) -> None:
    """List every move of an instance's machine and every step, oldest first; durations in ms. Also of instances that are gone."""
    rows = [forms.versioned(**objects.event(each)) for each in wiring.store.events(name)]
    if not rows:
        chosen.check([name], [record.instance.name for record in wiring.store.records()])
        raise errors.NotFound(f"instance {name!r} has no history yet")
    if output in ("json", "yaml"):
        forms.data(output, rows)
        return
    columns = COLUMNS + (("command", "run") if output == "wide" else ())
    for line in forms.table([column.upper() for column in columns], [[row[column] for column in columns] for row in rows]):
        click.echo(line)
