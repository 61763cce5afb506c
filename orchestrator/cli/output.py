"""Forms of output: columns, JSON, YAML, names. What is asked for goes to stdout; what is told meanwhile goes to stderr."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

import click

from orchestrator.cli import yaml_text
from orchestrator.commands import quoting

SCHEMA_VERSION = 1

Object = Mapping[str, object]


def versioned(**fields: object) -> dict[str, object]:
    """An object for JSON, with the version of its shape first."""
    return {"schema_version": SCHEMA_VERSION, **fields}


def data(form: str, value: object) -> None:
    """Print a value as json or yaml."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False) if form == "json" else yaml_text.dump(value))


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    """Lines of aligned columns; a cell's control characters are shown, not sent."""
    cells = [tuple(header), *(tuple(cell(value) for value in row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    for row in cells:
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()


def cell(value: object) -> str:
    """A value in a table: `-` when there is none."""
    if isinstance(value, Mapping):
        value = [f"{key}={cell(item)}" for key, item in value.items()]
    if isinstance(value, (list, tuple)):
        value = ",".join(cell(item) for item in value)
    return "-" if value is None or value == "" else quoting.line(str(value))


def tell(text: str, **style: str) -> None:
    """Say something to the operator, on one line whatever a host put into it; a terminal that went away is no reason to stop."""
    try:
        click.secho(quoting.line(text), err=True, **style)  # type: ignore[arg-type]
    except OSError:
        return
