"""What every step of a fabric promises, in every situation that golden files are about, on the in-memory host."""

from __future__ import annotations

import copy

import pytest

from orchestrator.commands.command import Command, Record
from orchestrator.facts import gather
from orchestrator.model import errors
from orchestrator.states import step as steps
from tests.samples import instances, situations
from tests.samples.fabrics import CASES, Case

every = pytest.mark.parametrize("case", [case for case in CASES if not case.blocked], ids=lambda case: case.id)


class Situation:
    """A case on its host, with the facts it begins with and what the step says of them."""

    def __init__(self, case: Case) -> None:
        self.step, self.fabric, self.fleet = steps.find_fabric(case.step), case.fabric, case.host()
        self.facts = situations.look(self.fleet, self.step.needs(self.fabric))
        self.todo = self.step.plan(self.fabric, self.facts)
        self.expected = dict(self.step.expects(self.fabric, self.facts))

    def look(self, *keys: gather.Key) -> dict[gather.Key, object]:
        return situations.look(self.fleet, keys)

    def do(self, done: int | None = None) -> list[Record]:
        """Do the plan's actions, or only the first few; all must go well."""
        actions = self.todo.actions[:done]
        records = situations.run(self.fleet, actions)
        codes = [action.accepts if isinstance(action, Command) else (0,) for action in actions]
        assert [record.code in good for record, good in zip(records, codes, strict=True)] == [True] * len(actions), records
        return records


@every
def test_afterwards_what_it_expects_is_true(case: Case) -> None:
    it = Situation(case)
    it.do()
    assert it.look(*it.expected) == it.expected
    assert it.fleet.hosts[instances.HOST.name].unknown == []


@every
def test_a_plan_after_the_plan_is_empty(case: Case) -> None:
    """On the facts that it predicts, and on those that are there."""
    it = Situation(case)
    assert it.step.plan(it.fabric, {**it.facts, **it.expected}).actions == ()
    it.do()
    assert it.step.plan(it.fabric, it.look(*it.step.needs(it.fabric))).actions == ()


@every
def test_an_interrupted_step_is_finished_by_planning_again(case: Case) -> None:
    """After any number of its actions."""
    for done in range(len(Situation(case).todo.actions)):
        it = Situation(case)
        it.do(done)
        again = it.step.plan(it.fabric, it.look(*it.step.needs(it.fabric)))
        situations.run(it.fleet, again.actions)
        assert it.step.plan(it.fabric, it.look(*it.step.needs(it.fabric))).actions == ()


@every
def test_a_step_is_pure_and_looks_only_at_what_it_needs(case: Case) -> None:
    it = Situation(case)
    fabric, facts = copy.deepcopy(it.fabric), copy.deepcopy(it.facts)
    only = {key: it.facts[key] for key in it.step.needs(it.fabric)}
    assert it.step.plan(it.fabric, only) == it.todo
    assert it.step.expects(it.fabric, only) == it.expected
    assert (it.fabric, it.facts) == (fabric, facts)


@pytest.mark.parametrize("case", [case for case in CASES if case.blocked], ids=lambda case: case.id)
def test_a_refusal_says_why_and_what_next(case: Case) -> None:
    step = steps.find_fabric(case.step)
    with pytest.raises(errors.HostError) as refused:
        step.plan(case.fabric, situations.look(case.host(), step.needs(case.fabric)))
    assert refused.value.why
    assert refused.value.hint
