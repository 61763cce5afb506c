"""`orchestrator describe`: one thing whole."""

from __future__ import annotations

import click

from orchestrator.cli import chosen, kinds, objects, options
from orchestrator.cli import output as forms
from orchestrator.cli.wiring import Wiring

HISTORY = 20


@click.command()
@click.argument("kind", type=kinds.KindType())
@click.argument("name", shell_complete=kinds.complete)
@options.state
@options.inventory
@options.output("yaml", "json")
@options.everywhere
@click.pass_obj
def describe(wiring: Wiring, kind: kinds.Kind, name: str, output: str) -> None:
    """Show one thing whole: for an instance what it is made of, why it is on its host, and the latest of its history."""
    found = {str(each["name"]): each for each in kind.objects(wiring)}
    chosen.check([name], tuple(found), kind.aliases[0], f"get {kind.name}")
    forms.data(output, _instance(wiring, name) if kind.name == "instances" else found[name])


def _instance(wiring: Wiring, name: str) -> forms.Object:
    record = next(record for record in wiring.store.records() if record.instance.name == name)
    return objects.whole(record, wiring.store.events(name)[-HISTORY:])
