"""`orchestrator describe`: one thing whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orchestrator.cli import chosen, kinds, objects, options
from orchestrator.cli import output as forms
from orchestrator.cli.wiring import Wiring

if TYPE_CHECKING:
    from orchestrator.model.decision import Decision

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
    """Show one thing whole: for an instance what it is made of, why it is on its host, and the latest of its history.

    For a run, what became of each instance that was not unchanged.
    """
    found = {str(each["name"]): each for each in kind.objects(wiring)}
    chosen.check([name], tuple(found), kind.aliases[0], f"get {kind.name}")
    shown = found[name]
    if kind.name == "instances":
        shown = _instance(wiring, name, output)
    elif kind.name == "runs":
        shown = {**shown, "outcomes": _outcomes(wiring, name)}
    forms.data(output, shown)


def _instance(wiring: Wiring, name: str, form: str) -> forms.Object:
    record = next(record for record in wiring.store.records() if record.instance.name == name)
    shown = objects.whole(record, wiring.store.events(name)[-HISTORY:])
    return shown if form == "json" else {**shown, "placement": _placement(record.decision)}


def _outcomes(wiring: Wiring, run: str) -> list[dict[str, object]] | None:
    """What became of instances, and, under their own names, of hosts; None when that is not known."""
    outcomes = wiring.store.outcomes(run)
    return None if outcomes is None else [objects.outcome(each) for each in outcomes]


def _placement(found: Decision) -> forms.Object:
    """Why it is on its host, a line for each weigher that counted."""
    from orchestrator.planning import show

    weights = [show.weight(each) for each in found.weights if each.weighted]
    return {"weights": weights, "alternates": list(found.alternates), "rejected": dict(found.rejected), "tried": list(found.tried)}
