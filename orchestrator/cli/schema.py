"""`orchestrator schema`: JSON Schema of playbooks."""

from __future__ import annotations

import click

from orchestrator.cli import options
from orchestrator.cli import output as forms
from orchestrator.cli.wiring import Wiring


@click.command()
@options.everywhere
@click.pass_obj
def schema(wiring: Wiring) -> None:
    """Print the JSON Schema of playbooks, for editors."""
    forms.data("json", dict(wiring.schema()))
