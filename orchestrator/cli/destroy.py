"""`orchestrator destroy`: delete instances with their disks."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from orchestrator.cli import chosen, options, progress
from orchestrator.cli import output as forms
from orchestrator.cli.wiring import Wiring
from orchestrator.model import errors


@click.command()
@click.argument("targets", metavar="FILE...|NAME...", nargs=-1, required=True, shell_complete=chosen.complete)
@options.changing
@options.limited
@options.variables
@click.option("--volumes", "with_volumes", is_flag=True, help="Delete their volumes, too; without it they are kept.")
@options.yes
@options.output("table", "json")
@options.everywhere
@click.pass_obj
def destroy(wiring: Wiring, targets: tuple[str, ...], with_volumes: bool, yes: bool, output: str) -> None:
    """Delete instances, named or in playbooks, with their disks. Asks first.

    What else a playbook declares is only a wish and needs no deleting; images stay in the hosts' caches.
    """
    left = _left(wiring) if with_volumes else {}
    names = _names(wiring, targets, left)
    if not names and not wiring.settings.inventory:
        forms.tell("none of them exists: nothing to destroy")
        return
    owned = _volumes(wiring, names) if with_volumes else ()
    there = {record.instance.name for record in wiring.store.records()}
    if names and not yes:
        _ask(names, owned)
    chosen.reach(wiring, names)
    from orchestrator.services import lifecycle, volumes  # late: hosts answer meanwhile

    with progress.shown(wiring) as report:
        app = wiring.app(report)
        done = lifecycle.act(app, "destroy", [name for name in names if name in there], with_volumes)
        try:
            if free := lifecycle.doomed(app.store, names) if with_volumes else ():
                volumes.delete(app, free)
        except errors.OrchestratorError:
            progress.recap(wiring, done)
            raise
    if not (names or done.hosts):
        forms.tell("none of them exists: nothing to destroy")
        return
    progress.end(wiring, done, output)


def _left(wiring: Wiring) -> dict[str, str]:
    """Instances that are gone before volumes that were to go with them, and a host of those volumes."""
    return {each.volume.deleted_with: each.volume.host for each in wiring.store.volumes() if each.volume.deleted_with}


def _names(wiring: Wiring, targets: Sequence[str], left: dict[str, str]) -> tuple[str, ...]:
    """The instances; those of playbooks as far as they exist, or volumes of theirs are `left`."""
    homes = left | {record.instance.name: record.instance.host for record in wiring.store.records()}
    files = [Path(target) for target in targets if chosen.is_file(target, homes)]
    names = [target for target in targets if not chosen.is_file(target, homes)]
    chosen.check(names, homes, "instance or file")
    if files:
        names += [name for name in wiring.desired(files).instances if name in homes]
    unique = tuple(dict.fromkeys(names))
    return chosen.limited(wiring, unique, homes) if unique else ()


def _volumes(wiring: Wiring, names: Sequence[str]) -> tuple[str, ...]:
    """The volumes of the instances, also of those that are gone before them."""
    from orchestrator.services import lifecycle

    mine = (each.volume.name for record in wiring.store.records() if record.instance.name in names for each in record.instance.volumes)
    return tuple(dict.fromkeys((*mine, *lifecycle.doomed(wiring.store, names))))


def _ask(names: Sequence[str], volumes: Sequence[str]) -> None:
    """Raises UsageError where nobody can be asked, OrchestratorError for anything but yes."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise errors.UsageError(
            f"destroying {len(names)} instance{'s' * (len(names) > 1)} needs a yes", why="this is no terminal", hint="add --yes"
        )
    forms.tell(f"These instances and their disks will be deleted: {', '.join(names)}")
    if volumes:
        forms.tell(f"And these volumes, with all that is on them: {', '.join(volumes)}")
    if not click.confirm("Destroy them?", err=True):
        raise errors.OrchestratorError("nothing was destroyed")
