"""`orchestrator version`."""

from __future__ import annotations

import platform

import click

import orchestrator
from orchestrator.cli import options
from orchestrator.cli import output as forms


@click.command()
@options.output("table", "json")
@options.everywhere
def version(output: str) -> None:
    """Print the version."""
    if output == "json":
        forms.data(output, forms.versioned(version=orchestrator.__version__, python=platform.python_version()))
    else:
        click.echo(f"orchestrator {orchestrator.__version__}")
