"""What every step promises, in every situation that golden files are about, on the in-memory host."""

from __future__ import annotations

import copy
import time

import pytest

from orchestrator.commands.command import Action, Command, Record
from orchestrator.facts import gather
from orchestrator.model import errors
from orchestrator.states import instance as table
from orchestrator.states import step as steps
from tests.fakes.host import FakeFleet
from tests.fakes.state import File
from tests.samples import instances, situations
from tests.samples.situations import Case
from tests.samples.steps import CASES

OPEN = tuple(case for case in CASES if not case.blocked)
UNDOING = {name for state in table.STATES if state.undoes for name in state.steps}
every = pytest.mark.parametrize("case", OPEN, ids=lambda case: case.id)


class Situation:
    """A case on its host, with the facts it begins with and what the step says of them."""

    def __init__(self, case: Case) -> None:
        self.step, self.instance, self.fleet = steps.find(case.step), case.instance, case.host()
        self.facts = situations.look(self.fleet, self.step.needs(self.instance))
        self.todo = self.step.plan(self.instance, self.facts)
        self.expected = dict(self.step.expects(self.instance, self.facts))
        self.undo = self.step.undo(self.instance, self.facts)

    def look(self, *keys: gather.Key) -> dict[gather.Key, object]:
        return situations.look(self.fleet, keys)


def accepted(actions: tuple[Action, ...], records: list[Record]) -> bool:
    """Whether all actions ran, and well."""
    codes = [action.accepts if isinstance(action, Command) else (0,) for action in actions]
    return len(records) == len(actions) and all(record.code in good for record, good in zip(records, codes, strict=True))


def files(fleet: FakeFleet) -> dict[str, bytes]:
    """Content of every regular file of the host."""
    return {path: each.content for path, each in fleet.hosts[instances.HOST.name].files.items() if isinstance(each, File)}


@every
def test_afterwards_what_it_expects_is_true(case: Case) -> None:
    it = Situation(case)
    assert accepted(it.todo.actions, situations.run(it.fleet, it.todo.actions))
    assert it.look(*it.expected) == it.expected
    assert it.fleet.hosts[instances.HOST.name].unknown == []


@every
def test_without_actions_nothing_is_expected_to_change(case: Case) -> None:
    it = Situation(case)
    if not it.todo.actions:
        assert it.look(*it.expected) == it.expected


@every
def test_a_plan_after_the_plan_is_empty(case: Case) -> None:
    """On the facts that it predicts, and on those that are there."""
    it = Situation(case)
    assert it.step.plan(it.instance, {**it.facts, **it.expected}).actions == ()
    situations.run(it.fleet, it.todo.actions)
    assert it.step.plan(it.instance, it.look(*it.step.needs(it.instance))).actions == ()


@every
def test_an_interrupted_step_is_finished_by_planning_again(case: Case) -> None:
    """After any number of its actions."""
    for done in range(len(Situation(case).todo.actions)):
        it = Situation(case)
        situations.run(it.fleet, it.todo.actions[:done])
        again = it.step.plan(it.instance, it.look(*it.step.needs(it.instance)))
        assert accepted(again.actions, situations.run(it.fleet, again.actions))
        assert it.look(*it.expected) == it.expected


@every
def test_undo_takes_back_what_the_plan_did(case: Case) -> None:
    """After any number of its actions. What instances share is kept, and what was there before is never taken away."""
    if case.step not in UNDOING:
        return
    for done in range(len(Situation(case).todo.actions) + 1):
        it = Situation(case)
        keys = tuple(dict.fromkeys((*it.facts, *it.expected)))
        before = it.look(*keys)
        situations.run(it.fleet, it.todo.actions[:done])
        between = it.look(*keys)
        made = [key for key in keys if before[key] is None and between[key] is not None]
        assert it.undo or it.step.shares(it.instance) or not made
        assert accepted(it.undo, situations.run(it.fleet, it.undo))
        assert it.look(*keys) == (before if it.undo else between)


@every
def test_undo_does_not_mind_that_it_is_done_already(case: Case) -> None:
    it = Situation(case)
    situations.run(it.fleet, it.todo.actions)
    for _ in range(2):
        assert accepted(it.undo, situations.run(it.fleet, it.undo))


@every
def test_what_is_shared_is_never_undone_and_may_be_done_twice(case: Case) -> None:
    """By another instance that was planned on the same facts: what the first one made stays as it is, byte for byte."""
    it = Situation(case)
    if it.step.shares(it.instance) is None:
        return
    assert it.undo == ()
    situations.run(it.fleet, it.todo.actions)
    before = files(it.fleet)
    assert accepted(it.todo.actions, situations.run(it.fleet, it.todo.actions))
    assert it.look(*it.expected) == it.expected
    assert files(it.fleet) == before


@every
def test_a_step_is_pure(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same answers a day later, and nothing given to it is changed."""
    it = Situation(case)
    instance, facts = copy.deepcopy(it.instance), copy.deepcopy(it.facts)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 86400.5)
    assert it.step.needs(it.instance) == it.step.needs(instance)
    assert it.step.plan(it.instance, it.facts) == it.todo
    assert it.step.undo(it.instance, it.facts) == it.undo
    assert it.step.expects(it.instance, it.facts) == it.expected
    assert (it.instance, it.facts) == (instance, facts)


@every
def test_a_step_looks_only_at_what_it_needs(case: Case) -> None:
    """Needs depend on the instance alone, so they can be read before anything is decided; every expected key can be read."""
    it = Situation(case)
    only = {key: it.facts[key] for key in it.step.needs(it.instance)}
    assert it.step.plan(it.instance, only) == it.todo
    assert all(gather.kind(key) for key in it.expected)


@pytest.mark.parametrize("case", [case for case in CASES if case.blocked], ids=lambda case: case.id)
def test_a_refusal_says_why_and_what_next(case: Case) -> None:
    step, fleet = steps.find(case.step), case.host()
    before = copy.deepcopy(fleet.hosts[instances.HOST.name])
    with pytest.raises(errors.HostError) as caught:
        step.plan(case.instance, situations.look(fleet, step.needs(case.instance)))
    assert caught.value.what
    assert caught.value.hint
    before.trips += 1
    assert fleet.hosts[instances.HOST.name] == before
