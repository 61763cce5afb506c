"""What happens while a verb works, told on stderr: a live view where somebody watches, lines elsewhere."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import click

from orchestrator.cli import output
from orchestrator.model import names

if TYPE_CHECKING:
    from orchestrator.cli.wiring import Wiring
    from orchestrator.engine.context import Progress
    from orchestrator.services.report import Report

SHARED = "(shared)"
"""Stands for what a host's instances share, where an instance's name would."""
BAD = ("failed", "unknown", "unreachable", "locked")


@contextlib.contextmanager
def shown(wiring: Wiring) -> Iterator[Callable[[Progress], None]]:
    """A function to report to from any thread, for the length of the block."""
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        from orchestrator.cli import live

        with live.view(colored=click.get_current_context().color is not False) as report:
            yield report
    else:
        yield lines(wiring.settings.verbose)


def lines(verbose: int) -> Callable[[Progress], None]:
    """A line for each state entered and each failure; when verbose, for each step, and for what hosts' instances share, as well."""

    def report(progress: Progress) -> None:
        if (progress.step or not progress.name) and not (verbose or progress.result == "failed"):
            return
        step = names.step_within(progress.state, progress.step)
        what = ": ".join(word for word in (progress.state, step, progress.result) if word)
        output.tell(f"{progress.host}  {progress.name or SHARED}  {what}")

    return report


def recap(wiring: Wiring, report: Report) -> None:
    """How it ended: what did not go well and why, drift that was seen, the counts; the round trips when verbose."""
    for outcome in report.outcomes:
        if outcome.status in BAD and outcome.host not in report.unreachable:
            place = f" on {outcome.host}" if outcome.host else ""  # no host took it
            output.tell(f"{outcome.name}{place}: {outcome.status}: {outcome.fault}", fg="red")
    for outcome in report.hosts:
        if outcome.status in BAD and outcome.host not in report.unreachable:
            output.tell(f"host {outcome.host}: {outcome.status}: {outcome.fault}", fg="red")
    for host, why in report.unreachable.items():
        there = [outcome.name for outcome in report.outcomes if outcome.host == host]
        output.tell(f"host {host}: not reached: {why}" + (f"; not touched there: {', '.join(there)}" if there else ""), fg="red")
    for name, notes in report.notes.items():
        for note in notes:
            output.tell(f"{name}: left alone, though it differs: {note}", fg="yellow")
    if wiring.settings.verbose:
        output.tell("trips: " + ", ".join(f"{host} {count}" for host, count in report.trips.items()))
    if report.ended:
        output.tell(f"the run ends here: {report.ended}; go on with the same command once that is mended", fg="red")
    output.tell(report.recap)


def end(wiring: Wiring, report: Report, form: str) -> None:
    """Show the report and leave with its exit code."""
    recap(wiring, report)
    if form == "json":
        output.data(form, document(report))
    click.get_current_context().exit(report.exit_code)


def document(report: Report) -> dict[str, object]:
    """The report for programs."""
    outcomes = [
        {"name": each.name, "host": each.host, "state": each.state, "status": each.status, "steps": each.steps, "fault": each.fault or None}
        for each in report.outcomes
    ]
    hosts = [{"name": each.host, "status": each.status, "steps": each.steps, "fault": each.fault or None} for each in report.hosts]
    return output.versioned(
        run=report.run,
        recap=report.recap,
        exit_code=report.exit_code,
        outcomes=outcomes,
        hosts=hosts,
        unreachable=dict(report.unreachable),
        notes={name: list(notes) for name, notes in report.notes.items()},
        trips=dict(report.trips),
        ended=report.ended or None,
    )
