"""`orchestrator store`: the store as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli import options
from orchestrator.cli import output as forms
from orchestrator.cli.wiring import Wiring

if TYPE_CHECKING:
    from orchestrator.ports.archive import Summary

FILE = click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
SHOWN = ("instances", "volumes", "hosts", "runs", "jobs", "events")


@click.group()
def store() -> None:
    """What is known and what was begun: shown, backed up, brought back."""


@store.command()
@options.state
@options.output("table", "json", "yaml")
@options.everywhere
@click.pass_obj
def show(wiring: Wiring, output: str) -> None:
    """Show where the store is, which one it is, and how much is in it. No password is shown."""
    found = wiring.archive.show()
    if output == "table":
        for line in forms.table(("PROPERTY", "VALUE"), [*_rows(found), *((name, found.counts[name]) for name in SHOWN)]):
            click.echo(line)
    else:
        forms.data(output, forms.versioned(**_fields(found)))


@store.command()
@FILE
@options.state
@options.yes
@options.output("table", "json")
@options.everywhere
@click.pass_obj
def backup(wiring: Wiring, file: Path, yes: bool, output: str) -> None:
    """Write the store, as it is at one moment, to FILE: an SQLite file, whatever the store is. Others may go on writing meanwhile.

    The key of volumes' passwords is in it: keep it as you keep passwords. A FILE that is there is replaced with --yes alone.
    """
    found = wiring.archive.backup(file, replace=yes)
    if output == "json":
        forms.data(output, forms.versioned(file=str(file), **_fields(found)))
    else:
        click.echo(f"{file}: {found.counts['instances']} instances, {found.counts['runs']} runs, epoch {found.epoch}, of {found.url}")


@store.command()
@FILE
@options.state
@options.output("table", "json")
@options.everywhere
@click.pass_obj
def restore(wiring: Wiring, file: Path, output: str) -> None:
    """Put what is in FILE, a backup, in the place of the store. What was there before is kept beside it.

    Refused while a run lives. A store in PostgreSQL is restored into an empty database.
    """
    found = wiring.archive.restore(file)
    if output == "json":
        forms.data(output, forms.versioned(made_at=found.made_at, source=found.source, kept=found.kept or None, **_fields(found.summary)))
        return
    summary = found.summary
    click.echo(f"{summary.url}: {summary.counts['instances']} instances, {summary.counts['runs']} runs, epoch {summary.epoch}")
    click.echo(f"as {found.source} was at {found.made_at}")
    if found.kept:
        click.echo(f"what was there before: {found.kept}")


def _rows(found: Summary) -> list[tuple[str, object]]:
    return [
        ("url", found.url),
        ("lineage", found.lineage),
        ("schema", found.schema),
        ("epoch", found.epoch),
        ("key", f"{found.key} ({found.key_state})"),
    ]


def _fields(found: Summary) -> dict[str, object]:
    key = {"path": found.key, "state": found.key_state}
    return {
        "url": found.url,
        "lineage": found.lineage,
        "schema": found.schema,
        "epoch": found.epoch,
        "key": key,
        "counts": dict(found.counts),
    }
