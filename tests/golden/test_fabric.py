"""Each step of a fabric in each situation: why, actions, what it expects. One file a case, below golden/fabric/<verb_noun>/."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.model import errors
from orchestrator.states import step as steps
from orchestrator.states.fabric import FABRIC
from tests.golden import test_steps
from tests.samples import situations
from tests.samples.fabrics import CASES, Case

FOLDER = Path(__file__).parent / "fabric"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_what_a_step_does(case: Case, golden: Callable[[str, str], None]) -> None:
    golden(f"fabric/{path(case)}", shown(case))


def test_every_step_is_in_the_table_and_has_cases() -> None:
    assert sorted(FABRIC) == list(situations.fabric_registry())
    assert {case.step for case in CASES} == set(FABRIC)


def test_every_file_has_a_case() -> None:
    assert {str(file.relative_to(FOLDER)) for file in FOLDER.rglob("*.txt")} == {path(case) for case in CASES}


def path(case: Case) -> str:
    return f"{case.step.removeprefix('fabric.')}/{case.name}.txt"


def shown(case: Case) -> str:
    """The case as text for people to judge."""
    step = steps.find_fabric(case.step)
    facts = situations.look(case.host(), step.needs(case.fabric))
    lines = ["facts", *test_steps.fact_lines(facts)]
    try:
        todo = step.plan(case.fabric, facts)
    except errors.HostError as error:
        return "\n".join([*lines, f"refused: {error}", ""])
    lines += [f"why: {todo.why}", f"patience: {step.PATIENCE:g} s", "actions", *test_steps.action_lines(todo.actions)]
    return "\n".join([*lines, "expects", *test_steps.fact_lines(step.expects(case.fabric, facts)), ""])
