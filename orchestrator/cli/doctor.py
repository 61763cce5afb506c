"""`orchestrator doctor`: is a host fit, and what would mend it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import click

from orchestrator.cli import inventory, options
from orchestrator.commands import quoting
from orchestrator.model import pattern as patterns
from orchestrator.services import doctor as service
from orchestrator.services.checks import Finding, Level

WORDS = {Level.OK: "ok", Level.WARNING: "warning", Level.FAILED: "FAILED"}
COLOURS = {Level.OK: "green", Level.WARNING: "yellow", Level.FAILED: "red"}


@click.command()
@click.argument("pattern", default="all")
@options.output("table", "json")
@options.inventory
@options.reaching
@options.everywhere
@click.pass_context
def doctor(context: click.Context, pattern: str, output: str) -> None:
    """Examine the hosts of PATTERN (all), change nothing, and print the command that mends each trouble.

    Exits with 3 when a check failed, 4 when a host was not reached; warnings exit with 0.
    """
    wiring: inventory.Wiring = context.obj
    found = wiring.inventory()
    chosen = [found.hosts[name] for name in patterns.select(pattern, found)]
    diagnoses = service.doctor(wiring.transport, wiring.clock, chosen, wiring.settings.forks)
    if output == "json":
        click.echo(json.dumps({"schema_version": 1, "hosts": [_object(diagnosis) for diagnosis in diagnoses]}, indent=2))
    else:
        for line in (line for diagnosis in diagnoses for line in _lines(diagnosis)):
            click.echo(line)
    context.exit(exit_code(diagnoses))


def exit_code(diagnoses: Sequence[service.Diagnosis]) -> int:
    """4 before 3 before 0."""
    if not all(diagnosis.reached for diagnosis in diagnoses):
        return 4
    return 3 if any(diagnosis.level is Level.FAILED for diagnosis in diagnoses) else 0


def _object(diagnosis: service.Diagnosis) -> dict[str, object]:
    findings = [
        {"check": finding.check, "level": finding.level.name.lower(), "detail": finding.detail, "mend": finding.mend}
        for finding in diagnosis.findings
    ]
    return {"host": diagnosis.host, "level": diagnosis.level.name.lower(), "findings": findings}


def _lines(diagnosis: service.Diagnosis) -> Iterator[str]:
    yield f"{diagnosis.host}:"
    for finding in diagnosis.findings:
        yield from _finding(finding)


def _finding(finding: Finding) -> Iterator[str]:
    word = click.style(WORDS[finding.level].ljust(7), fg=COLOURS[finding.level])
    yield f"  {word}  {finding.check.ljust(10)}  {quoting.line(finding.detail)}"
    if finding.mend:
        yield f"           {'':10}  -> {quoting.line(finding.mend)}"
