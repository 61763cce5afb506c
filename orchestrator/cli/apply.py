"""`orchestrator apply`: make it so."""

from __future__ import annotations

from pathlib import Path

import click
from msgspec import structs

from orchestrator.cli import consent, options, plan, planfile, playbooks, progress
from orchestrator.cli.wiring import Wiring


@click.command()
@options.files
@options.changing
@options.limited
@options.starting
@options.variables
@options.allowing
@options.founding
@click.option("--check", is_flag=True, help="Change nothing: as `plan`.")
@click.option("--diff", is_flag=True, help="With --check: every command and every file.")
@options.output("table", "json")
@options.everywhere
@click.pass_obj
def apply(wiring: Wiring, files: tuple[Path, ...], check: bool, diff: bool, output: str) -> None:
    """Make what playbooks (or a plan file) say true; goes on where an earlier run was interrupted.

    Instances that are as wanted are not touched; what is not in the files is left alone.
    """
    saved = planfile.found(files)
    if saved:
        planfile.restore(wiring, saved)
        files = saved.playbooks
    if check or diff:
        context = click.get_current_context()
        context.exit(plan.code(plan.show(wiring, files, output, whole=diff)))
    desired = playbooks.desired(wiring, files)
    wiring.reach(playbooks.concerned(desired))
    from orchestrator.services import apply as service  # late: hosts answer meanwhile

    said = frozenset[str]() if saved or "allow" in wiring.flags else consent.ask(wiring, desired)
    with progress.shown(wiring) as report:
        app = wiring.app(report, planfile.resume(saved) if saved else "")
        app = structs.replace(app, allow=app.allow | said)
        done = service.apply(app, desired, saved.fingerprint if saved else None)
    progress.end(wiring, done, output)
