"""Desired state made so."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
from msgspec import structs

from orchestrator.engine.context import Outcome
from orchestrator.facts.gather import Facts
from orchestrator.model import errors
from orchestrator.model.desired import Desired, InstanceRequest
from orchestrator.model.instance import Record
from orchestrator.planning import course, decide
from orchestrator.planning.course import Course
from orchestrator.planning.groundwork import Groundwork
from orchestrator.planning.plan import Lost, Plan
from orchestrator.ports.store import Placement, Run
from orchestrator.ports.writes import Amend, Resource, Want, Write
from orchestrator.services import departed, grounds, running, storage, wishes
from orchestrator.services import plan as planning
from orchestrator.services.app import App
from orchestrator.services.carry_out import ROUNDS, Outcomes, Work, carry_out
from orchestrator.services.report import Report
from orchestrator.services.rolling import Roll, Rolled, untouched

TRIES = 3
"""Another run may take the very place that was planned: then the plan is made again."""


def apply(app: App, desired: Desired, fingerprint: str | None = None) -> Report:
    """Make it so. With a `fingerprint`, only when the plan still is that one (else StalePlan). Raises LockHeld, and what `plan` raises."""

    def work(run: Run) -> Report:
        plan = _settle(app, run, desired, fingerprint, anew=True)
        carried = _Carried(app, run, desired)
        done = Roll(app, app.context(run), desired, plan, carried.onward, carried.carry).off()
        failed = {each.host for each in (*done.hosts.values(), *done.handlers.values()) if each.status != "changed"}
        if not done.ended:
            follows = grounds.follow(app, app.context(run), carried.rounds, failed | plan.unreachable.keys())
            done.hosts = grounds.merged(done.hosts, follows)
        return _report(app, run, plan, done)

    return running.run(app, "apply", (*desired.instances, *(f"volume/{name}" for name in desired.volumes)), work)


class _Carried:
    """Carries out the batches of a run, each until there is nothing more to try; rounds are numbered through, as a run's jobs have names of their own."""

    def __init__(self, app: App, run: Run, desired: Desired) -> None:
        self._app, self._run, self._desired = app, run, desired
        self.onward = partial(_onward, desired)
        self.rounds = 0

    def carry(self, app: App, work: Work, begin: Callable[[Sequence[Course]], None]) -> Outcomes:
        """What became of the work, and of instances of it on their alternates; `begin` is called with courses before they are."""
        outcomes, hosts = self._go(app, work, begin)
        nowhere = dict[str, str]()
        while again := _again(app, self._desired, outcomes):
            try:
                plan = _settle(app, self._run, structs.replace(self._desired, instances=again), None, anew=False)
            except (errors.Conflict, errors.HostError) as problem:  # what the others of the run came to is told all the same
                return _stuck(outcomes, again, problem), hosts
            nowhere |= {change.name: change.why for change in plan.unplaced}
            courses = [change.course for change in plan.pending if change.course]
            there = {course.record.instance.host for course in courses}
            more, wired = self._go(app, (courses, {each.fabric.host: each for each in plan.ground if each.fabric.host in there}), begin)
            outcomes, hosts = outcomes | more, grounds.merged(hosts, wired)
            if not more:
                break  # no other host can take them
        return _told(outcomes, nowhere), hosts

    def _go(self, app: App, work: Work, begin: Callable[[Sequence[Course]], None]) -> Outcomes:
        begin(work[0])
        first, self.rounds = self.rounds, self.rounds + ROUNDS
        return carry_out(app, app.context(self._run), work, self.onward, first)


def _again(app: App, desired: Desired, outcomes: Mapping[str, Outcome]) -> dict[str, InstanceRequest]:
    """Instances to plan once more in this run: whose interrupted destroy was finished though they are wanted, and whose host failed to build them,
    while there are alternates (nova `_do_build_and_run_instance`: a build that can be rescheduled goes back to scheduling).
    """
    if all(each.status != "failed" and each.state != "DELETED" for each in outcomes.values()):
        return {}
    tried = {record.instance.name: record.decision.tried for record in app.store.records() if decide.moves(record)}
    failed = {
        name for name, each in outcomes.items() if each.status == "failed" and 0 < len(tried.get(name, ())) < app.scheduler.max_attempts
    }
    gone = {name for name, each in outcomes.items() if each.state == "DELETED" and desired.instances[name].state != "absent"}
    return {name: wish for name, wish in desired.instances.items() if name in failed | gone and not app.stopping.is_set()}


def _stuck(outcomes: Mapping[str, Outcome], again: Iterable[str], problem: errors.OrchestratorError) -> dict[str, Outcome]:
    """The outcomes, when those that were to be planned again could not be."""
    found = {name: outcomes[name] for name in again}
    told = {name: f"{each.fault}; not tried again: {problem}" if each.fault else str(problem) for name, each in found.items()}
    return {**outcomes, **{name: structs.replace(each, status="failed", fault=told[name]) for name, each in found.items()}}


def _told(outcomes: Mapping[str, Outcome], nowhere: Mapping[str, str]) -> dict[str, Outcome]:
    """The outcomes, with why no other host took what its own failed to build."""
    left = [name for name, each in outcomes.items() if name in nowhere and each.status == "failed"]
    told = {name: f"{outcomes[name].fault}; no other host can take it: {nowhere[name]}" for name in left}
    return {**outcomes, **{name: structs.replace(outcomes[name], fault=fault) for name, fault in told.items()}}


def _settle(app: App, run: Run, desired: Desired, fingerprint: str | None, anew: bool) -> Plan:
    """The plan with its placements recorded."""
    lost: Mapping[str, Lost] = {}
    present = departed.without(desired, departed.of(app, app.store.records(), desired))
    for number in range(TRIES):
        plan, choose = planning.plan(app, desired, run, lost, anew)
        if not number and fingerprint not in (None, plan.fingerprint()):  # later ones differ by what was done since
            raise errors.StalePlan(
                "the plan is stale", why="what it was made from has changed since", hint="make a new one with `orchestrator plan`"
            )
        try:
            lost = _volumes(app, run, present, plan.lost)
        except _Overtaken:
            continue
        if lost.keys() - plan.lost.keys():
            continue  # what was to have them is left as it is
        try:
            _amend(app, run, present, plan)
            app.store.place(run, lambda seen, plan=plan, choose=choose: _same(plan.placements, choose(seen)))  # type: ignore[misc]
        except _Overtaken:
            continue
        return plan
    raise errors.Conflict("placement failed", why="other runs kept taking the places that were planned", hint="run it again")


def _amend(app: App, run: Run, desired: Desired, plan: Plan) -> None:
    """What the playbook changes of what is recorded. An address that a new port was to have may be another's by now."""
    try:
        app.store.commit(
            run, [*_noted(app, desired), *map(Amend, plan.amended), *grounds.noted(app, [each for each in plan.ground if not each.last])]
        )
    except errors.Conflict as overtaken:
        raise _Overtaken from overtaken


def _volumes(app: App, run: Run, desired: Desired, lost: Mapping[str, Lost]) -> Mapping[str, Lost]:
    """Volumes recorded, made where they lie, and given to the instances that are to have them; those, by id, that cannot be had."""
    found = wishes.of(app, app.store.snapshot(), desired)
    try:
        app.store.commit(run, found.before)
    except errors.Conflict as overtaken:
        raise _Overtaken from overtaken
    more = storage.make(app, run, [volume for volume in found.wanted if volume.id not in lost], found.fresh)
    lost = {**lost, **more}
    app.store.commit(run, wishes.without(found.after, {identity: str(each.problem) for identity, each in lost.items()}))
    return lost


class _Overtaken(Exception):  # never leaves this file
    """Another run placed something between plan and record."""


def _same(planned: Sequence[Placement], now: Sequence[Placement]) -> Sequence[Placement]:
    if tuple(planned) != tuple(now):
        raise _Overtaken
    return now


def _noted(app: App, desired: Desired) -> list[Write]:
    """What the playbook says, for `get`: the nouns that are new or changed, and wishes for existing instances."""
    kinds: dict[str, Mapping[str, Any]] = {
        "flavor": desired.flavors,
        "image": desired.images,
        "network": desired.networks,
        "keypair": desired.keypairs,
        "security_group": desired.security_groups,
        "server_group": desired.server_groups,
    }
    fresh = [
        Resource(kind, name, json.dumps(msgspec.to_builtins(noun), sort_keys=True, default=dict))
        for kind, nouns in kinds.items()
        for name, noun in nouns.items()
    ]
    known = {(each.kind, each.name): each for kind in kinds for each in app.store.resources(kind)}
    writes: list[Write] = [each for each in fresh if known.get((each.kind, each.name)) != each]
    for record in app.store.records():
        wish = desired.instances.get(record.instance.name)
        if wish and wish.state != record.wanted:
            writes.append(Want(record.instance.uuid, wish.state))
    return writes


def _onward(desired: Desired, record: Record, facts: Facts, ground: Groundwork | None) -> Course | None:
    verdict = decide.decide(record, desired.instances[record.instance.name].state, facts)
    return None if verdict.verb == decide.NOTHING else course.chart(record, verdict.triggers, facts, ground)


def _report(app: App, run: Run, plan: Plan, done: Rolled) -> Report:
    states = {record.instance.name: record.state for record in app.store.records()}
    found = [done.outcomes.get(change.name) or untouched(change, states.get(change.name, "")) for change in plan.changes]
    trips = {name: app.transport.trips(name) for name in app.inventory.hosts if app.transport.trips(name)}
    notes = {change.name: change.notes for change in plan.changes if change.notes}
    hosts = (*done.hosts.values(), *done.handlers.values(), *storage.outcomes(plan.lost))
    withheld = {change.name: held for change in plan.changes if (held := tuple(edit for edit in change.edits if edit.held))}
    return Report(run.id, tuple(found), plan.unreachable, trips, notes, withheld, hosts, done.ended)
