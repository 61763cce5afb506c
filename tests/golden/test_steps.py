"""Each step in each situation: why, actions, undo, what it expects. One file a case, below golden/steps/<group>/<verb_noun>/."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest

from orchestrator.commands.command import Action, Command, Upload
from orchestrator.facts import gather
from orchestrator.model import errors
from orchestrator.states import step as steps
from tests.samples import situations
from tests.samples.situations import Case
from tests.samples.steps import CASES

FOLDER = Path(__file__).parent / "steps"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_what_a_step_does(case: Case, golden: Callable[[str, str], None]) -> None:
    golden(f"steps/{path(case)}", shown(case))


def test_every_step_has_cases() -> None:
    assert {case.step for case in CASES} == set(situations.registry())


def test_every_file_has_a_case() -> None:
    assert {str(file.relative_to(FOLDER)) for file in FOLDER.rglob("*.txt")} == {path(case) for case in CASES}


def path(case: Case) -> str:
    return f"{case.step.replace('.', '/')}/{case.name}.txt"


def shown(case: Case) -> str:
    """The case as text for people to judge."""
    step = steps.find(case.step)
    facts = situations.look(case.host(), step.needs(case.instance))
    lines = ["facts", *fact_lines(facts)]
    try:
        todo = step.plan(case.instance, facts)
    except errors.HostError as error:
        return "\n".join([*lines, f"refused: {error}", ""])
    lines += [f"why: {todo.why}", f"shares: {step.shares(case.instance)}", f"patience: {step.PATIENCE:g} s"]
    lines += ["actions", *action_lines(todo.actions), "undo", *action_lines(step.undo(case.instance, facts))]
    return "\n".join([*lines, "expects", *fact_lines(step.expects(case.instance, facts)), ""])


def fact_lines(facts: Mapping[gather.Key, object]) -> list[str]:
    return [f"  {type(key).__module__.rsplit('.', 1)[-1]} {key!r}\n    {value!r}" for key, value in facts.items()]


def action_lines(actions: Iterable[Action]) -> list[str]:
    return [f"  {action.shown()}{_aside(action)}" for action in actions]


def _aside(action: Action) -> str:
    if isinstance(action, Upload):
        return f"\n    mode {action.mode:o}"
    if not isinstance(action, Command):
        return ""
    asides = [f"accepts {' '.join(map(str, action.accepts))}"] if action.accepts != (0,) else []
    asides += [f"timeout {action.timeout} s"] if action.timeout != 60 else []
    asides += [f"stdin {action.stdin!r}"] if action.stdin else []
    return f"\n    {', '.join(asides)}" if asides else ""
