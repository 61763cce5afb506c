"""`orchestrator attach`, `detach`, `volume delete`, `volume extend`."""

from __future__ import annotations

import sys

import click

from orchestrator.cli import chosen, options, progress
from orchestrator.cli import output as forms
from orchestrator.cli.wiring import Wiring
from orchestrator.model import errors


def _complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Names of volumes, for the shell; nothing when the store cannot be asked."""
    try:
        return [record.volume.name for record in context.obj.store.volumes() if record.volume.name.startswith(incomplete)]
    except errors.OrchestratorError:
        return []


_pair = options.together(
    click.argument("instance", shell_complete=chosen.complete),
    click.argument("volume", shell_complete=_complete),
    options.changing,
    options.output("table", "json"),
    options.everywhere,
    click.pass_obj,
)


@click.command()
@_pair
def attach(wiring: Wiring, instance: str, volume: str, output: str) -> None:
    """Attach a volume to an instance, also while it runs."""
    from orchestrator.services import volumes

    with progress.shown(wiring) as report:
        done = volumes.attach(wiring.app(report), instance, volume)
    progress.end(wiring, done, output)


@click.command()
@_pair
def detach(wiring: Wiring, instance: str, volume: str, output: str) -> None:
    """Detach a volume from an instance; it is free when the guest has let go of it."""
    from orchestrator.services import volumes

    with progress.shown(wiring) as report:
        done = volumes.detach(wiring.app(report), instance, volume)
    progress.end(wiring, done, output)


@click.group()
def volume() -> None:
    """Volumes by themselves: delete, extend. Playbooks make them; `get volumes` lists them."""


@volume.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True, shell_complete=_complete)
@options.changing
@options.yes
@options.everywhere
@click.pass_obj
def delete(wiring: Wiring, names: tuple[str, ...], yes: bool) -> None:
    """Delete volumes with all that is on them. Asks first."""
    from orchestrator.services import volumes

    if not yes:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise errors.UsageError("deleting volumes needs a yes", why="this is no terminal", hint="add --yes")
        if not click.confirm(f"Delete {', '.join(names)} and all that is on them?", err=True):
            raise errors.OrchestratorError("nothing was deleted")
    with progress.shown(wiring) as report:
        gone = volumes.delete(wiring.app(report), names)
    forms.tell(f"deleted: {', '.join(gone)}")


@volume.command()
@click.argument("name", shell_complete=_complete)
@click.argument("size", metavar="GIB", type=click.IntRange(min=1))
@options.changing
@options.output("table", "json")
@options.everywhere
@click.pass_obj
def extend(wiring: Wiring, name: str, size: int, output: str) -> None:
    """Make a volume larger, and the disk of the instance that has it."""
    from orchestrator.services import volumes

    with progress.shown(wiring) as report:
        done = volumes.extend(wiring.app(report), name, size)
    progress.end(wiring, done, output)
