"""A plan worked off in the batches of its plays: each carried out, judged, and followed by its handlers, before the next is begun."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import Struct, field, structs

from orchestrator.engine.context import Context, Outcome, Progress
from orchestrator.facts.gather import Facts
from orchestrator.model import errors
from orchestrator.model.desired import Desired, Play
from orchestrator.model.instance import Instance, Record
from orchestrator.planning import rolling
from orchestrator.planning.course import Course
from orchestrator.planning.groundwork import Groundwork
from orchestrator.planning.plan import NOWHERE, UNREACHABLE, UPDATE, Change, Plan
from orchestrator.planning.rolling import Batch
from orchestrator.ports.store import Snapshot
from orchestrator.services import grounds, handlers, refusals
from orchestrator.services.app import App
from orchestrator.services.carry_out import Onward, Outcomes, Work, look

FAILED = ("failed", "locked")
UNREACHED = ("unreachable", "unknown")
"""As ansible-core takes a connection that is lost on the way."""

Carry = Callable[[App, Work, Callable[[Sequence[Course]], None]], Outcomes]
"""Carries work out; before each go it calls with the courses that it is about to begin."""


class Rolled(Struct):
    """What became of the instances that were to be changed, of what hosts' instances share, and of handlers by host where one failed.

    `ended`: why the batches after some were not begun.
    """

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    hosts: dict[str, Outcome] = field(default_factory=dict)
    handlers: dict[str, Outcome] = field(default_factory=dict)
    ended: str = ""


class Roll(Struct, frozen=True):
    """What is to be worked off, and with what."""

    app: App
    context: Context
    desired: Desired
    plan: Plan
    onward: Onward
    carry: Carry

    def off(self) -> Rolled:
        """All batches, up to one after which the run ends."""
        batches = rolling.batches(self.desired, self.context.run.id)
        changes = {change.name: change for change in self.plan.changes}
        left = {ground.fabric.host for ground in self.plan.shared}
        self.context.report(Progress("", "", "", total=sum(change.course is not None for change in self.plan.changes)))
        done, first = Rolled(), True
        for number, batch in enumerate(batches):
            there = [changes[name] for name in batch.names if name in changes]
            if done.ended or self.context.stopping.is_set():
                done.outcomes |= {change.name: _pending(change) for change in there if change.course}
                continue
            app = _throttled(self.app, batch.play)
            lay = set(left) if len(batches) == 1 else left & {change.host for change in there}
            left -= lay
            lost: dict[str, Outcome] = {}
            work: Work = ([], {})
            if lay or any(change.course for change in there):
                work, lost = self._planned(there, lay) if first else self._seen(app, there, lay)
                first = False
            outcomes, hosts = self.carry(app, work, lambda courses, batch=batch: self._noted(batch, courses))  # type: ignore[misc]
            outcomes = lost | outcomes
            told = {change.name: outcomes.get(change.name) or untouched(change, "") for change in there}
            handled = handlers.run(app, self.context, batch, told, number)
            done.outcomes |= outcomes
            done.hosts = grounds.merged(done.hosts, hosts)
            done.handlers |= handled.hosts
            done.ended = _ends(batch, told.values(), handled.failed) if batch is not batches[-1] else ""
        return done

    def _noted(self, batch: Batch, courses: Sequence[Course]) -> None:
        handlers.note(self.app, self.context, self.desired, batch, courses)

    def _planned(self, there: Iterable[Change], lay: set[str]) -> tuple[Work, dict[str, Outcome]]:
        """The batch as it was planned."""
        courses = [change.course for change in there if change.course]
        hosts = lay | {course.record.instance.host for course in courses}
        return (courses, {each.fabric.host: each for each in self.plan.ground if each.fabric.host in hosts}), {}

    def _seen(self, app: App, there: Sequence[Change], lay: set[str]) -> tuple[Work, dict[str, Outcome]]:
        """The batch as its hosts are by now, and what was not reached."""
        courses = {change.name: change.course for change in there if change.course}
        consented = {name: course.record.instance for name, course in courses.items() if course.before}
        seen = app.store.snapshot()
        records, lost = self._roomy(seen, [record for record in seen.records if record.instance.name in courses], consented)

        def onward(record: Record, facts: Facts, ground: Groundwork | None) -> Course | None:
            try:
                found = self.onward(record, facts, ground)
            except errors.OrchestratorError as problem:  # it could be planned before the first batch
                lost[record.instance.name] = _not_begun(record, "failed", str(problem))
                return None
            return structs.replace(found, before=courses[record.instance.name].before) if found else None

        work, unreachable = look(app, self.context, records, sorted(lay), onward)
        missed = [record for record in records if record.instance.host in unreachable]
        return work, lost | {each.instance.name: _not_begun(each, UNREACHABLE, unreachable[each.instance.host]) for each in missed}

    def _roomy(
        self, seen: Snapshot, records: Sequence[Record], consented: Mapping[str, Instance]
    ) -> tuple[list[Record], dict[str, Outcome]]:
        """The records with what was consented to of them; those that have become too large for their host meanwhile have failed."""
        found, lost = list[Record](), dict[str, Outcome]()
        for record in records:
            name = record.instance.name
            if name not in consented:
                found.append(record)
                continue
            made = structs.replace(record, instance=structs.replace(consented[name], volumes=record.instance.volumes))
            wished = structs.replace(seen, records=tuple(made if each is record else each for each in seen.records))
            try:
                refusals.room(self.app, seen, wished, self.desired)
            except errors.SpecErrors as problem:
                lost[name] = _not_begun(record, "failed", str(problem))
                continue
            seen = wished
            found.append(made)
        return found, lost


def _not_begun(record: Record, status: str, fault: str) -> Outcome:
    return Outcome(record.instance.name, record.instance.host, record.state, status, fault=fault)


def untouched(change: Change, state: str) -> Outcome:
    """The outcome of an instance of which nothing was to be done, or nothing could be."""
    if change.verb == UNREACHABLE:
        return Outcome(change.name, change.host, state, UNREACHABLE, fault=change.why)
    if change.verb == NOWHERE:
        return Outcome(change.name, change.host, state, "failed", fault=f"{NOWHERE}: {change.why}")
    if change.verb == UPDATE and change.course is None:
        return Outcome(change.name, change.host, state, "changed")  # what was to be done of it was done with the record
    return Outcome(change.name, change.host, state, "unchanged")


def _throttled(app: App, play: Play) -> App:
    return structs.replace(app, forks=min(app.forks, play.throttle)) if play.throttle else app


def _pending(change: Change) -> Outcome:
    assert change.course  # noqa: S101  # only these are
    return Outcome(change.name, change.host, change.course.record.state, "pending")


def _ends(batch: Batch, outcomes: Iterable[Outcome], spoiled: set[str]) -> str:
    """Why the run ends after the batch; instances whose handlers failed count as failed."""
    found: Mapping[str, str] = {each.name: "failed" if each.name in spoiled else each.status for each in outcomes}
    failed, unreachable = (sum(status in kind for status in found.values()) for kind in (FAILED, UNREACHED))
    return rolling.ends(batch.play, len(batch.names), failed, unreachable)
