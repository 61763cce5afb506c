"""Consent to changes of instances that exist: asked for on a terminal, else given by --allow or not at all."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
from msgspec import structs

from orchestrator.cli import output
from orchestrator.cli.wiring import Wiring

if TYPE_CHECKING:
    from orchestrator.model.desired import Desired


def ask(wiring: Wiring, desired: Desired) -> frozenset[str]:
    """Ask for each class of changes that lack consent, all of its changes shown; those allowed. Where nobody is there to be asked, none is."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return frozenset()
    from orchestrator.planning import changes
    from orchestrator.services import edits as service

    app = wiring.app()
    seen, said = app.store.snapshot(), frozenset[str]()
    for kind, word in sorted(changes.CONSENTS.items(), key=lambda each: each[0] is changes.REBOOT):  # a reboot may come with another
        found = service.of(structs.replace(app, allow=said), seen, desired)
        held = [f"instance {name}: {edit}" for name, edits in found.items() for edit in edits if edit.held == changes.missing(kind)]
        for line in held:
            output.tell(line)
        if held and click.confirm(f"Make these ({kind.value})?", err=True):
            said |= {word}
    return said
