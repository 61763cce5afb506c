"""`orchestrator plan`: what apply would do and why."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import structs

from orchestrator.cli import objects, options, output, planfile, playbooks
from orchestrator.cli.wiring import Wiring
from orchestrator.model import errors

if TYPE_CHECKING:
    from orchestrator.planning.plan import Plan

FORMS = ("table", "json")
NO_FILES = ("wide", "yaml", "name")
"""Forms of other verbs: nobody means a file by them."""
COLOURS = {"+": "green", "-": "red", "~": "yellow", "?": "red"}


@click.command()
@options.files
@options.wired
@options.limited
@options.starting
@options.variables
@options.allowing
@options.founding
@click.option("--diff", is_flag=True, help="Every command and every file, too.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when there is something to do.")
@click.option("-o", "--output", metavar="table|json|PLANFILE", default="table", help="Form of the output, or a file for apply.")
@options.everywhere
@click.pass_obj
def plan(wiring: Wiring, files: tuple[Path, ...], diff: bool, detailed_exitcode: bool, output: str) -> None:
    """Show what apply would do, and why.

    Nothing is changed, here or on hosts; steps, commands and files are exactly those of apply.
    """
    made = show(wiring, files, output, whole=diff)
    click.get_current_context().exit(code(made) or (2 if detailed_exitcode and not made.empty else 0))


def code(made: Plan) -> int:
    """The exit code: 4 when not all hosts or volumes are there, 3 when some instance fits nowhere."""
    return 4 if made.partial else 3 if made.unplaced else 0


def show(wiring: Wiring, files: Sequence[Path], form: str, whole: bool) -> Plan:
    """Make the plan and print it; into a file as well when `form` names one."""
    if form in NO_FILES:
        raise errors.UsageError(f"a plan has no form {form!r}", "-o", "forms are table and json", f"for a file of that name: -o ./{form}")
    desired = playbooks.desired(wiring, files)
    wiring.reach(playbooks.concerned(desired))
    from orchestrator.planning import show as text  # late: hosts answer meanwhile
    from orchestrator.planning import stages
    from orchestrator.services import handlers
    from orchestrator.services import plan as service

    app = wiring.app()
    made, _ = service.plan(app, desired)
    made = structs.replace(made, stages=stages.foreseen(desired, made.changes, handlers.left(app)))
    if form == "json":
        output.data(form, document(made))
        return made
    for line in text.lines(made, whole):
        click.echo(click.style(line, fg=COLOURS[line[0]]) if line[:1] in COLOURS else line)
    if form not in FORMS:
        planfile.write(wiring, Path(form), files, made)
        output.tell(f"saved; make it so with: orchestrator apply {form}")
    return made


def document(made: Plan) -> dict[str, object]:
    """The plan for programs."""
    from orchestrator.planning import show as text

    changes = [
        {
            "name": change.name,
            "host": change.host,
            "verb": change.verb,
            "why": change.why,
            "decision": change.decision.why if change.decision else None,
            "placement": objects.placement(change.decision) if change.decision else None,
            "problem": str(change.course.problem) if change.course and change.course.problem else None,
            "steps": list(text.steps(change.course.legs)) if change.course else [],
            "notes": list(change.notes),
            "edits": [text.edit(each) for each in change.edits],
        }
        for change in made.changes
    ]
    hosts = [
        {
            "name": ground.fabric.host,
            "problem": str(ground.problem) if ground.problem else None,
            "steps": list(text.steps(ground.legs)),
        }
        for ground in made.shared
    ]
    return output.versioned(
        fingerprint=made.fingerprint(),
        summary=text.counts(made),
        changes=changes,
        hosts=hosts,
        unreachable=dict(made.unreachable),
        batches=[text.stage(each) for each in made.stages],
        lost_volumes={each.volume.name: str(each.problem) for each in made.lost.values()},
    )
