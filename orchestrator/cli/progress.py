"""What happens while a verb works, told on stderr: a live view where somebody watches, lines elsewhere."""

from __future__ import annotations

import collections
import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
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
OVER = ("changed", *BAD)
"""Results of instances that have ended."""


@contextlib.contextmanager
def shown(wiring: Wiring) -> Iterator[Callable[[Progress], None]]:
    """A function to report to from any thread, for the length of the block."""
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        from orchestrator.cli import live

        with live.view(colored=click.get_current_context().color is not False) as report:
            yield report
    else:
        yield lines(wiring.settings.verbose)


MANY = 50
"""Instances, above which lines tell of hosts rather than of each."""


def lines(verbose: int) -> Callable[[Progress], None]:
    """A line for each state entered and each failure; when verbose, for each step, and for what hosts' instances share, as well.

    Of many instances, unless verbose, a line for each state that a host's first enters, and when all there have ended: how many are in which.
    """
    hosts: dict[str, dict[str, str]] = {}
    known: dict[str, set[str]] = {}
    lock = threading.Lock()
    many = False

    def report(progress: Progress) -> None:
        nonlocal many
        if not progress.host:
            many = progress.total > MANY and not verbose
        elif progress.result == "failed" and progress.step:
            tell(progress)
        elif many and progress.name:
            with lock:
                count(progress)
        elif verbose or (progress.name and not progress.step):
            tell(progress)

    def tell(progress: Progress) -> None:
        step = names.step_within(progress.state, progress.step)
        what = ": ".join(word for word in (progress.state, step, progress.result) if word)
        output.tell(f"{progress.host}  {progress.name or SHARED}  {what}")

    def count(progress: Progress) -> None:
        there = hosts.setdefault(progress.host, {})
        ended = not progress.step and progress.result
        word = progress.result if ended else progress.state
        entered = known.setdefault(progress.host, set())
        fresh = not ended and word not in entered
        there[progress.name] = word
        entered.add(word)
        if fresh or (ended and all(each in OVER for each in there.values())):
            output.tell(f"{progress.host}  {counted(there.values())}")

    return report


def counted(words: Iterable[str]) -> str:
    """How many there are of each, most first: `98 spawning, 2 failed`."""
    return ", ".join(f"{count} {word}" for word, count in collections.Counter(words).most_common())


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
    left = [(name, f"left alone, though it differs: {note}") for name, notes in report.notes.items() for note in notes]
    left += [(name, edit.told) for name, edits in report.withheld.items() for edit in edits]
    for name, what in left:
        output.tell(f"{name}: {what}", fg="yellow")
    for name, why in report.left.items():
        output.tell(f"{name}: left as it is: {why}", fg="yellow")
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
    from orchestrator.planning import show as text

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
        withheld={name: [text.edit(each) for each in edits] for name, edits in report.withheld.items()},
        trips=dict(report.trips),
        left=dict(report.left),
        ended=report.ended or None,
    )
