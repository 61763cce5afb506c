"""Commands that a change triggers: recorded before the change, run on its host after its batch, forgotten once they were run.

So one that was notified is run whatever becomes of the controller, by the next apply of an instance that notified it; and one that its host has run
is not run again, for as long as the host knows the job that it was run by.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent import futures

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from orchestrator.commands.command import Batch, Command, Lane, Record
from orchestrator.engine.context import Context, Outcome, Progress
from orchestrator.facts import gather, job
from orchestrator.model import errors
from orchestrator.model.desired import Desired, Handler
from orchestrator.planning.course import Course
from orchestrator.planning.rolling import Batch as Part
from orchestrator.ports.writes import Forget, Intent, Resource, Settle, Write
from orchestrator.services.app import App

KIND = "notified"
LANE = "shared/handlers"
SHOWN = "handlers"
"""Stands for a state where what is under way on a host is told."""

MOVED = "moved"
"""Stands for the status of an instance that went to another host."""


class Notice(Struct, frozen=True):
    """A handler that a host is to run, once one of the `instances` was changed. `due`: one was, or may have been by a run that died.

    `job`: the batch that it was sent in last, and `index`, its place there.
    """

    host: str
    handler: Handler
    instances: tuple[str, ...]
    run: str
    due: bool = False
    job: str = ""
    index: int = 0

    @property
    def name(self) -> str:
        """The record's name: one of a run, host and handler, as another run may work on other instances there."""
        return json.dumps([self.host, self.handler.name, self.handler.command, self.run])

    @property
    def record(self) -> Resource:
        return Resource(KIND, self.name, json.dumps(msgspec.to_builtins(self)))


class Handled(Struct):
    """What came of them: hosts' outcomes where one failed, and the instances that had notified it."""

    hosts: dict[str, Outcome] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)


def note(app: App, context: Context, desired: Desired, part: Part, courses: Iterable[Course]) -> None:
    """Record what the courses of a batch, about to begin, notify."""
    if not part.play.handlers:
        return
    known = {each.name: each for each in _notices(app)}
    made: dict[str, Notice] = {}
    for course in courses:
        instance = course.record.instance
        for handler in part.play.handlers:
            if handler.name in desired.instances[instance.name].notify:
                fresh = Notice(instance.host, handler, (), context.run.id)
                found = made.get(fresh.name) or known.get(fresh.name) or fresh
                made[fresh.name] = replace(found, instances=tuple(dict.fromkeys((*found.instances, instance.name))))
    context.store.commit(context.run, [each.record for each in made.values()])


def left(app: App) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    """What runs that are over left to be run: host, handler's name, and the instances that notified it."""
    found = _notices(app)
    others = _alive(app) if found else set()
    return tuple((each.host, each.handler.name, each.instances) for each in found if each.run not in others)


def run(app: App, context: Context, part: Part, outcomes: Mapping[str, Outcome], number: int) -> Handled:
    """Run what the instances of a batch that has ended notified: on the hosts of those that were changed, in the play's order. `outcomes`: of all of them."""
    mine = set(part.names)
    notices = [each for each in _notices(app) if mine & set(each.instances)]
    others = _alive(app) - {context.run.id} if notices else set()
    notices = [each for each in notices if each.run not in others]
    if not notices:
        return Handled()
    notices, writes = _as_they_are(part, notices)
    due = list[Notice]()
    for each in notices:
        ended = {_status(name, each.host, outcomes) for name in each.instances if name in mine}
        if ended == {MOVED} or (not ended & {"changed", "unknown"} and not each.due and each.run == context.run.id):
            writes.append(Forget(KIND, each.name))
        elif "changed" in ended or ("unchanged" in ended and (each.due or each.run != context.run.id)):
            due.append(replace(each, due=True))
    due, spare = _once(part, due, context.run.id)
    context.store.commit(context.run, [*writes, *spare])
    hosts = list(dict.fromkeys(each.host for each in due if each.host in app.inventory.hosts))
    if context.stopping.is_set():
        return Handled({host: Outcome("", host, "", "pending", fault="handlers: the run was interrupted before them") for host in hosts})
    done = Handled()
    with futures.ThreadPoolExecutor(max(1, min(app.forks, len(hosts)))) as pool:
        for found in pool.map(lambda host: _on(app, context, host, [each for each in due if each.host == host], number), hosts):
            done.hosts |= found.hosts
            done.failed |= found.failed
    return done


def _as_they_are(part: Part, notices: Iterable[Notice]) -> tuple[list[Notice], list[Write]]:
    """What was notified by earlier runs, as the play has it by now: a command that was mended is the one to run, and what the play has no more is not."""
    now, mine = {each.name: each for each in part.play.handlers}, set(part.names)
    kept: list[Notice] = []
    writes: list[Write] = []
    for each in notices:
        handler = now.get(each.handler.name)
        if handler == each.handler:
            kept.append(each)
            continue
        others = tuple(name for name in each.instances if name not in mine)  # of other plays, which may have it
        writes.append(replace(each, instances=others).record if others else Forget(KIND, each.name))
        if handler is not None:
            kept.append(replace(each, handler=handler, instances=tuple(name for name in each.instances if name in mine), job=""))
            writes.append(kept[-1].record)
    return kept, writes


def _status(name: str, host: str, outcomes: Mapping[str, Outcome]) -> str:
    """What became of an instance there; one that is to be absent and is has no outcome."""
    outcome = outcomes.get(name)
    return "unchanged" if outcome is None else outcome.status if outcome.host == host else MOVED


def _once(part: Part, due: Sequence[Notice], run: str) -> tuple[list[Notice], list[Write]]:
    """In the order of the play; of those that run once the first, by the batch's order of instances, and that the others are not needed.

    The `run`'s own come first: one of an earlier run may turn out to have been run.
    """
    order = {name: number for number, name in enumerate(part.names)}
    rank = {handler.name: number for number, handler in enumerate(part.play.handlers)}

    def place(each: Notice) -> tuple[int, bool, int]:
        first = min(order.get(name, len(order)) for name in each.instances)
        return rank[each.handler.name], each.run != run, first

    kept: list[Notice] = []
    spare: list[Write] = []
    for each in sorted(due, key=place):
        if each.handler.run_once and any(other.handler == each.handler for other in kept):
            spare.append(Forget(KIND, each.name))
        else:
            kept.append(each)
    return kept, spare


def _on(app: App, context: Context, host: str, due: Sequence[Notice], number: int) -> Handled:
    """Run them on one host, in one batch; up to the first that fails, as the tasks of a play."""
    try:
        left = _not_run(app, context, host, due)
        return _sent(app, context, host, left, f"{context.run.id}-{host}-handlers-{number}") if left else Handled()
    except errors.HostError as problem:
        status = (
            "unreachable"
            if isinstance(problem, errors.Unreachable)
            else "unknown"
            if isinstance(problem, errors.OutcomeUnknown)
            else "failed"
        )
        return _failed(context, host, due, Outcome("", host, "", status, 0, f"handlers: {problem}"))


def _not_run(app: App, context: Context, host: str, due: Sequence[Notice]) -> list[Notice]:
    """Without those that a batch of an earlier run has run; it is waited for."""
    jobs = tuple(dict.fromkeys(each.job for each in due if each.job))
    if not jobs:
        return list(due)
    keys = [job.Key(name) for name in jobs]
    look = Batch(f"look-handlers-{host}", 0, reads=gather.commands(keys), attach=jobs)
    seen = gather.parse(keys, app.transport.run(app.inventory.hosts[host], look, lambda record: None))
    well = {(key.job, each.index) for key in keys for each in _ended(seen[key]) if each.kind == "done" and each.code == 0}
    over = [each for each in due if (each.job, each.index) in well]
    context.store.commit(context.run, [Forget(KIND, each.name) for each in over])
    return [each for each in due if each not in over]


def _taken_over(run: str, due: Iterable[Notice]) -> tuple[list[Notice], list[Write]]:
    """All as the run's own, and what it has instead of those of earlier runs."""
    made: dict[str, Notice] = {}
    old: list[Write] = []
    for each in due:
        own = replace(each, run=run)
        if own.name in made:
            own = replace(made[own.name], instances=tuple(dict.fromkeys((*made[own.name].instances, *each.instances))))
        made[own.name] = own
        old += [Forget(KIND, each.name)] if each.name != own.name else []
    return list(made.values()), old


def _ended(found: object) -> tuple[job.Ended, ...]:
    return found if isinstance(found, tuple) else ()


def _sent(app: App, context: Context, host: str, due: Sequence[Notice], name: str) -> Handled:
    due, old = _taken_over(context.run.id, due)
    due = [replace(each, job=name, index=index) for index, each in enumerate(due)]
    steps = tuple(f"handlers.{each.handler.name}" for each in due)
    lane = Lane(LANE, tuple(Command(each.handler.command, step=step) for each, step in zip(due, steps, strict=True)), patient=True)
    context.store.commit(context.run, [Intent(name, host, (), lanes=((LANE, steps),)), *old, *(each.record for each in due)])
    records: list[Record] = []

    def follow(record: Record) -> None:
        records.append(record)
        if record.kind == "done":
            context.report(Progress("", host, SHOWN, steps[record.index], "failed" if record.code else "done"))

    try:
        batch = Batch(name, context.run.epoch, (lane,), store=app.store.lineage)
        context.transport.run(app.inventory.hosts[host], batch, follow)
    except errors.Unreachable:
        context.store.commit(context.run, [Settle(name, "unsent"), *(replace(each, job="").record for each in due)])
        raise
    well = {record.index for record in records if record.kind == "done" and not record.code}
    again = [replace(each, job="").record for each in due if each.index not in well]
    context.store.commit(
        context.run, [Settle(name, "failed" if again else "done"), *again, *(Forget(KIND, each.name) for each in due if each.index in well)]
    )
    if not again:
        return Handled()
    return _failed(
        context,
        host,
        [each for each in due if each.index not in well],
        Outcome("", host, "", "failed", len(well), _fault(lane, records[-1:])),
    )


def _fault(lane: Lane, last: Sequence[Record]) -> str:
    for record in last:
        text = record.output.decode("utf-8", "replace").strip()[-500:]
        action = lane.actions[record.index]
        why = f"exit code {record.code}" if record.kind == "done" else f"host refuses: {record.kind}"
        return f"{action.step}: {action.shown()}: {why}" + (f": {text}" if text else "")
    return "handlers: the host said nothing of them"


def _failed(context: Context, host: str, due: Iterable[Notice], outcome: Outcome) -> Handled:
    context.report(Progress("", host, SHOWN, "", outcome.status))
    return Handled({host: outcome}, {name for each in due for name in each.instances})


def _alive(app: App) -> set[str]:
    return {each.id for each in app.store.runs() if each.status == "running"}


def _notices(app: App) -> list[Notice]:
    return [_notice(json.loads(each.body)) for each in app.store.resources(KIND)]


def _notice(body: dict[str, object]) -> Notice:
    handler, instances = body["handler"], body["instances"]
    assert isinstance(handler, dict) and isinstance(instances, list)  # noqa: S101, PT018  # as it was written
    made = Handler(handler["name"], tuple(handler["command"]), handler["run_once"])
    return Notice(**{**body, "handler": made, "instances": tuple(instances)})  # type: ignore[arg-type]  # its own fields
