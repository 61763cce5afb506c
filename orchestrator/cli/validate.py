"""`orchestrator validate`: are playbooks and inventory sound? No host is asked."""

from __future__ import annotations

from pathlib import Path

import click

from orchestrator.cli import options
from orchestrator.cli import output as forms
from orchestrator.cli.wiring import Wiring


@click.command()
@options.files
@options.INVENTORY
@options.variables
@options.everywhere
@options.output("table", "json")
@click.pass_obj
def validate(wiring: Wiring, files: tuple[Path, ...], output: str) -> None:
    """Check playbooks and inventory, and list every error with its place. No host is asked."""
    desired = wiring.desired(files)
    counts = {
        name: len(getattr(desired, name)) for name in ("flavors", "images", "networks", "keypairs", "instances") if getattr(desired, name)
    }
    hosts = len(wiring.inventory().hosts)
    if output == "json":
        forms.data(output, forms.versioned(valid=True, hosts=hosts, **counts))
    else:
        click.echo(f"valid: {', '.join(f'{count} {name}' for name, count in counts.items())}; {hosts} hosts in the inventory")
