"""`orchestrator hard-reboot --diagnose` and `--repair`: what is wrong with instances, and only that mended."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from orchestrator.cli import output, progress
from orchestrator.cli.wiring import Wiring

if TYPE_CHECKING:
    from orchestrator.planning.diagnosis import Finding


def diagnose(wiring: Wiring, names: Sequence[str], form: str) -> None:
    """Tell what is wrong; leaves with 0 when nothing is, 2 when something is, 4 when a host was not reached."""
    from orchestrator.services import diagnose as service  # late: hosts answer meanwhile

    found = service.diagnose(wiring.app(lambda told: None), names)
    show(found.findings, found.unreachable, form)
    if wiring.settings.verbose:
        output.tell("trips: " + ", ".join(f"{host} {count}" for host, count in found.trips.items()))
    click.get_current_context().exit(found.exit_code)


def repair(wiring: Wiring, names: Sequence[str], yes: bool, form: str) -> None:
    """Mend what is wrong; leaves with 0 when nothing is any more, 2 when something was left as it is, 3 when something failed, or cannot be repaired."""
    from orchestrator.services import repair as service

    with progress.shown(wiring) as report:
        done = service.repair(wiring.app(report), names, (lambda findings: True) if yes else ask)
    if form == "table":
        for line in lines(done.before.findings):
            output.tell(f"was wrong: {line}")
    progress.recap(wiring, done.report)
    show(done.after.findings, done.after.unreachable, form)
    click.get_current_context().exit(done.exit_code)


def show(findings: Sequence[Finding], unreachable: Mapping[str, str], form: str) -> None:
    """The findings to stdout, a line each, or as JSON."""
    if form == "json":
        output.data(form, document(findings, unreachable))
        return
    for line in lines(findings):
        click.echo(line)
    for host, why in unreachable.items():
        output.tell(f"host {host}: not reached: {why}", fg="red")
    if not findings and not unreachable:
        output.tell("nothing is wrong")


def lines(findings: Iterable[Finding]) -> Iterable[str]:
    """`name (host): cause: detail -> [class] remedy`."""
    return (output.cell(str(finding)) for finding in findings)


def document(findings: Iterable[Finding], unreachable: Mapping[str, str]) -> dict[str, object]:
    """Findings for programs."""
    found = [
        {
            "kind": each.kind,
            "name": each.name,
            "host": each.host,
            "cause": each.cause,
            "detail": each.detail,
            "repair": each.repair.value,
            "remedy": each.remedy,
        }
        for each in findings
    ]
    return output.versioned(findings=found, unreachable=dict(unreachable))


def ask(findings: Sequence[Finding]) -> bool:
    """Whether guests may be rebooted; where nobody can be asked they may not, and stay as they are."""
    names = ", ".join(dict.fromkeys(each.name for each in findings))
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        output.tell(f"left alone, for it needs a reboot: {names}; add --yes")
        return False
    for line in lines(findings):
        output.tell(line)
    return click.confirm(f"Reboot {names}?", err=True)
