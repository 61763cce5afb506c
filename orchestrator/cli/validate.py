"""`orchestrator validate`: are playbooks and inventory sound? No host is asked."""

from __future__ import annotations

from pathlib import Path

import click

from orchestrator.cli import options
from orchestrator.cli import output as forms
from orchestrator.cli.wiring import Wiring

NOUNS = ("flavors", "images", "networks", "keypairs", "instances")


@click.command()
@options.files
@options.inventory
@options.variables
@options.output("table", "json")
@options.everywhere
@click.pass_obj
def validate(wiring: Wiring, files: tuple[Path, ...], output: str) -> None:
    """Check playbooks and inventory, and list every error with its place. No host is asked."""
    desired = wiring.desired(files)
    counts = {name: len(getattr(desired, name)) for name in NOUNS} | {"hosts": len(wiring.inventory().hosts)}
    if output == "json":
        forms.data(output, forms.versioned(valid=True, **counts))
    else:
        click.echo("valid: " + ", ".join(f"{count} {name if count != 1 else name[:-1]}" for name, count in counts.items() if count))
