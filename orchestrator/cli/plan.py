"""`orchestrator plan`: what apply would do and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import options, output, planfile, playbooks
from orchestrator.cli.wiring import Wiring

if TYPE_CHECKING:
    from orchestrator.planning.plan import Plan

FORMS = ("table", "json")
COLOURS = {"+": "green", "-": "red", "~": "yellow", "?": "red"}


def _verb(name: str) -> Callable[[Callable[..., None]], click.Command]:
    def decorate(function: Callable[..., None]) -> click.Command:
        decorators: tuple[Callable[[Any], Any], ...] = (
            options.files,
            options.wired,
            options.limited,
            options.variables,
            click.option("--diff", is_flag=True, help="Every command and every file, too."),
            click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when there is something to do."),
            click.option(
                "-o", "--output", metavar="table|json|PLANFILE", default="table", help="Form of the output, or a file for `apply PLANFILE`."
            ),
            click.pass_obj,
        )
        for decorator in reversed(decorators):
            function = decorator(function)
        return click.command(name)(function)

    return decorate


def _plan(wiring: Wiring, files: tuple[Path, ...], diff: bool, detailed_exitcode: bool, output: str) -> None:
    """What apply would do and why; nothing is changed, here or on hosts.

    The order of the steps, their commands and their files are exactly those of apply.
    """
    made = show(wiring, files, output, whole=diff)
    code = 4 if made.unreachable else 2 if detailed_exitcode and made.pending else 0
    click.get_current_context().exit(code)


plan = _verb("plan")(_plan)
diff = _verb("diff")(_plan)


def show(wiring: Wiring, files: Sequence[Path], form: str, whole: bool) -> Plan:
    """Make the plan and print it; into a file when `form` names one."""
    from orchestrator.planning import show as text
    from orchestrator.services import plan as service

    desired = playbooks.desired(wiring, files)
    made, _ = service.plan(wiring.app(), desired)
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
            "decision": change.decision or None,
            "problem": str(change.course.problem) if change.course and change.course.problem else None,
            "steps": list(text.steps(change.course)) if change.course else [],
            "notes": list(change.notes),
        }
        for change in made.changes
    ]
    return output.versioned(fingerprint=made.fingerprint(), summary=text.counts(made), changes=changes, unreachable=dict(made.unreachable))
