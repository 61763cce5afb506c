"""Consent to changes of instances that exist: asked for on a terminal, else given by --allow or not at all."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

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
    found = service.of(app, app.store.snapshot(), desired)
    said = frozenset[str]()
    for kind, word in changes.CONSENTS.items():
        held = [(name, edit) for name, edits in found.items() for edit in edits if edit.kind is kind and not changes.allowed(kind, said)]
        if not any(edit.held == changes.missing(kind) for _, edit in held):
            continue
        for name, edit in held:
            output.tell(f"instance {name}: {edit}")
        if click.confirm(f"Make these ({kind.value})?", err=True):
            said |= {word}
    return said
