"""`orchestrator adopt`: take over guests that no record knows."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli import chosen, options, progress, yaml_text
from orchestrator.cli import output as forms
from orchestrator.cli.wiring import Wiring
from orchestrator.model import errors

if TYPE_CHECKING:
    from orchestrator.model.desired import Desired
    from orchestrator.services.adopt import Look
    from orchestrator.services.app import App

HEAD = "# What `orchestrator adopt {host}` found there: a plan of it has nothing to do.\n"


@click.command()
@click.argument("host")
@click.argument("names", metavar="[NAME...]", nargs=-1)
@click.option(
    "--file",
    "files",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="A playbook that declares their groups. Repeatable.",
)
@click.option("--write", metavar="FILE", type=click.Path(path_type=Path), help="Write the playbook there, instead of printing it.")
@options.changing
@options.variables
@options.yes
@options.output("yaml", "json")
@options.everywhere
@click.pass_obj
def adopt(wiring: Wiring, host: str, names: tuple[str, ...], files: tuple[Path, ...], write: Path | None, yes: bool, output: str) -> None:
    """Take over the guests of HOST that no record knows, or those called NAME, as they run: none is restarted.

    Such are guests that others made (virt-install, virt-manager, virsh), and those that a lost or older store forgot. Prints the playbook that says
    what they are. What it could not say is left alone, with the reason: then it exits with 3.
    """
    chosen.check([host], list(wiring.inventory().hosts), "host", "inventory list")
    if write and write.exists():
        raise errors.UsageError(f"{write} is there already", hint="name another file with --write")
    wiring.reach([host])
    from orchestrator.services import adopt as service  # late: the host answers meanwhile

    declared = wiring.desired(files) if files else None
    seen = service.look(wiring.app(), host, names, declared)
    _tell(seen)
    if not seen.names:
        forms.tell(f"no guest of {host} to take over")
        click.get_current_context().exit(3 if seen.left else 0)
    if seen.inherit.lineage != wiring.store.lineage:
        forms.tell("this store becomes the one that they were of: if that one is still there, use it instead, and never both", fg="yellow")
    if not yes:
        _ask(len(seen.names))
    with progress.shown(wiring) as report:
        app = wiring.app(report)
        done = service.adopt(app, seen)
    progress.recap(wiring, done)
    play = service.play(app, seen.names, declared)
    text = HEAD.format(host=host) + yaml_text.dump([play]) + "\n"
    if write:
        _write(write, text)
    elif output == "yaml":
        click.echo(text, nl=False)
    _check(wiring, app, text)
    if output == "json":
        forms.data("json", _document(seen, play))
    click.get_current_context().exit(done.exit_code or (3 if seen.left else 0))


def _tell(seen: Look) -> None:
    for each in seen.found:
        instance = each.instance
        made = "a store forgot it" if each.forgotten else "others made it"
        parts = f"disks: {len(instance.disks) + len(instance.volumes)}, ports: {len(instance.ports)}"
        size = f"vCPUs: {instance.flavor.vcpus}, RAM: {instance.flavor.ram} MiB, {parts}"
        forms.tell(f"+ {instance.name} ({instance.domain}, {each.state}): {made}; {size}", fg="green")
    for name in seen.unfinished:
        forms.tell(f"+ {name}: taken over before, and not marked yet", fg="green")
    for left in seen.left:
        forms.tell(f"- {left.name}: left alone: {left.why}", fg="yellow")


def _ask(count: int) -> None:
    """Raises UsageError where nobody can be asked, OrchestratorError for anything but yes."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise errors.UsageError(f"to take over {count} guest{'s' * (count > 1)} needs a yes", why="this is no terminal", hint="add --yes")
    if not click.confirm("Take them over? None is restarted.", err=True):
        raise errors.OrchestratorError("nothing was taken over")


def _write(path: Path, text: str) -> None:
    """For its owner's eyes: user data may be in it."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
    forms.tell(f"written to {path}")


def _check(wiring: Wiring, app: App, text: str) -> None:
    """Tell when a plan of the playbook would have something to do, or it cannot be read: an image may not be on this machine."""
    from orchestrator.services import adopt as service

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "adopted.yaml"
        _quietly(path, text)
        try:
            wish: Desired = wiring.desired((path,))
            pending = service.pending(app, wish)
        except errors.OrchestratorError as problem:
            forms.tell(f"no plan of the playbook can be made yet: {str(problem).replace(str(path), 'it')}", fg="yellow")
            return
    for line in pending:
        forms.tell(f"a plan of the playbook is not empty: {line}", fg="yellow")
    if not pending:
        forms.tell("a plan of the playbook has nothing to do")


def _quietly(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)


def _document(seen: Look, play: dict[str, object]) -> dict[str, object]:
    found = [
        {
            "name": each.instance.name,
            "uuid": each.instance.uuid,
            "domain": each.instance.domain,
            "state": each.state,
            "origin": "forgotten" if each.forgotten else "foreign",
        }
        for each in seen.found
    ]
    left = [{"domain": each.name, "uuid": each.uuid, "why": each.why} for each in seen.left]
    return forms.versioned(host=seen.host.name, adopted=found, left=left, playbook=[play])
