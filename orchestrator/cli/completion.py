"""`orchestrator completion`: what a shell needs to complete verbs, flags and names."""

from __future__ import annotations

import click
from click import shell_completion

from orchestrator.cli import options

PROGRAMS = ("orchestrator", "orc")


@click.command()
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
@options.everywhere
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print completion for a shell, names from the store included. For bash: source <(orchestrator completion bash)"""
    kind = shell_completion.get_completion_class(shell)
    assert kind is not None  # noqa: S101  # click has all three
    for program in PROGRAMS:
        made = kind(context.find_root().command, {}, program, "_ORCHESTRATOR_COMPLETE")
        click.echo(shell_completion.ShellComplete.source(made))  # bash's own checks its version by starting a bash
