"""`orchestrator image`: the images in the hosts' caches."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli import chosen, options, playbooks
from orchestrator.cli import output as forms
from orchestrator.cli.wiring import Wiring
from orchestrator.model import errors, pattern

if TYPE_CHECKING:
    from orchestrator.facts.image_cache import Held
    from orchestrator.model.desired import Image
    from orchestrator.model.host import Host
    from orchestrator.services.app import App
    from orchestrator.services.images import Done, Shelf

NONE = "(no manifest)"


@click.group()
def image() -> None:
    """Images in the hosts' caches: which are where, brought there, checked, removed."""


@image.command("list")
@options.wired
@options.limited
@options.output("table", "json", "yaml", "name")
@options.everywhere
@click.pass_obj
def list_(wiring: Wiring, output: str) -> None:
    """List the images that hosts hold, with their sizes. Exits with 4 when a host was not reached."""
    from orchestrator.services import images as service

    shelves = service.shelves(wiring.app(), _hosts(wiring))
    rows = sorted(
        {
            (held.name or NONE, held.path.rpartition("/")[2]): held for shelf in shelves for held in shelf.images if held.size is not None
        }.items()
    )
    places = {
        name: [
            _place(shelf, held) for shelf in shelves for held in shelf.images if held.path.endswith(f"/{name}") and held.size is not None
        ]
        for (_, name), _ in rows
    }
    if output == "table":
        cells = [(name, held.size, held.source[:19], places[base], base[:12]) for (name, base), held in rows]
        shown = [(name, size, source, [place["host"] for place in where], base) for name, size, source, where, base in cells]
        for line in forms.table(("NAME", "SIZE", "CHECKSUM", "HOSTS", "BASE"), shown):
            click.echo(line)
    elif output == "name":
        for name in dict.fromkeys(name for (name, _), _ in rows):
            click.echo(name)
    else:
        found = [
            {"name": held.name or None, "base": base, "size": held.size, "checksum": held.source or None, "hosts": places[base]}
            for (_, base), held in rows
        ]
        forms.data(output, forms.versioned(images=found))
    _end(shelves)


def _place(shelf: Shelf, held: Held) -> dict[str, object]:
    return {"host": shelf.host.name, "path": held.path, "used": held.used, "age": held.age, "disks": len(held.users)}


@image.command()
@click.argument("name")
@click.argument("pattern", default="all")
@click.option(
    "--file", "files", multiple=True, metavar="FILE", type=click.Path(path_type=Path), help="A playbook that declares it. Repeatable."
)
@options.wired
@options.variables
@options.output("table", "json")
@options.everywhere
@click.pass_obj
def push(wiring: Wiring, name: str, pattern: str, files: tuple[Path, ...], output: str) -> None:
    """Bring image NAME into the caches of the hosts of PATTERN (all), before it is needed there.

    NAME is one that an apply has recorded, or that a playbook given with --file declares.
    """
    from orchestrator.services import images as service

    app = wiring.app()
    known: dict[str, Image] = {**service.known(app), **(wiring.desired(files).images if files else {})}
    chosen.check([name], list(known), "image", "get images")
    hosts = [app.inventory.hosts[each] for each in _select(app, pattern)]
    _report(service.push(app, known[name], hosts), output)


def _select(app: App, chosen_by: str) -> tuple[str, ...]:
    return pattern.select(chosen_by, app.inventory)


@image.command()
@click.option(
    "--older-than", metavar="HOURS", type=click.IntRange(min=0), default=24, show_default=True, help="Only images made so long ago."
)
@options.wired
@options.limited
@options.yes
@options.output("table", "json")
@options.everywhere
@click.pass_obj
def prune(wiring: Wiring, older_than: int, yes: bool, output: str) -> None:
    """Remove images that nothing rests on: no recorded instance, and no disk on their host, whoever's. Shows them and asks first."""
    from orchestrator.services import images as service

    app = wiring.app()
    shelves = service.shelves(app, _hosts(wiring))
    found = [(shelf.host, held) for shelf in shelves for held in service.prunable(app, shelf, older_than * 3600)]
    for host, held in found:
        forms.tell(f"- {held.name} on {host.name}: {held.path}, {held.used} bytes")
    if found and not yes:
        _ask(len(found))
    done = service.prune(app, found)
    if not found:
        forms.tell("nothing to remove")
    _report(done, output, shelves)


def _ask(count: int) -> None:
    """Raises UsageError where nobody can be asked, OrchestratorError for anything but yes."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise errors.UsageError(f"removing {count} image{'s' * (count > 1)} needs a yes", why="this is no terminal", hint="add --yes")
    if not click.confirm("Remove them?", err=True):
        raise errors.OrchestratorError("nothing was removed")


@image.command()
@click.argument("name", required=False)
@options.wired
@options.limited
@options.output("table", "json")
@options.everywhere
@click.pass_obj
def verify(wiring: Wiring, name: str | None, output: str) -> None:
    """Read every image that hosts hold, or NAME alone, and compare it with its manifest.

    Exits with 2 when one is damaged; the instances on it are named.
    """
    from orchestrator.services import images as service

    app = wiring.app()
    shelves = service.verify(app, _hosts(wiring), name)
    if name and not any(shelf.images or shelf.error for shelf in shelves):
        raise errors.NotFound(f"no host holds an image {name!r}", hint="see `orchestrator image list`")
    rows = [
        (held.name or NONE, shelf.host.name, _status(shelf, held), service.instances_on(app, shelf.host.name, held.path), held.path)
        for shelf in shelves
        for held in shelf.images
    ]
    if output == "json":
        fields = ("name", "host", "status", "instances", "path")
        forms.data("json", forms.versioned(images=[dict(zip(fields, row, strict=True)) for row in rows]))
    else:
        for line in forms.table(("NAME", "HOST", "STATUS", "INSTANCES", "PATH"), rows):
            click.echo(line)
    _end(shelves, 2 if any(shelf.damaged for shelf in shelves) else 0)


def _status(shelf: Shelf, held: Held) -> str:
    if why := (shelf.damaged or {}).get(held.path):
        return f"damaged: {why}"
    return "whole" if held.digest and held.size is not None else "gone" if held.size is None else "unknown"


def _hosts(wiring: Wiring) -> list[Host]:
    return [wiring.inventory().hosts[name] for name in playbooks.hosts(wiring)]


def _report(done: Sequence[Done], output: str, shelves: Sequence[Shelf] = ()) -> None:
    rows = [(each.host, each.status, each.path, each.why) for each in done]
    if output == "json":
        forms.data("json", forms.versioned(hosts=[dict(zip(("host", "status", "path", "why"), row, strict=True)) for row in rows]))
    elif rows:
        for line in forms.table(("HOST", "STATUS", "PATH", "WHY"), rows):
            click.echo(line)
    bad = {each.status for each in done}
    _end(shelves, 4 if "unreachable" in bad else 3 if bad & {"failed", "kept"} else 0)


def _end(shelves: Sequence[Shelf], code: int = 0) -> None:
    lost = [shelf for shelf in shelves if shelf.error]
    for shelf in lost:
        forms.tell(f"host {shelf.host.name}: {shelf.error}", fg="red")
    click.get_current_context().exit(4 if lost else code)
