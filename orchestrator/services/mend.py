"""What a look has found, mended as far as it is allowed: power, what instances rest on, what their hosts share, what was left behind."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence
from concurrent import futures

from msgspec import Struct, field

from orchestrator.commands import command
from orchestrator.commands.command import Batch, Lane
from orchestrator.engine import machine
from orchestrator.engine.context import Outcome
from orchestrator.model import errors
from orchestrator.model.instance import Record
from orchestrator.planning import course, leaks, power_state, restart
from orchestrator.planning.course import Course
from orchestrator.planning.diagnosis import Finding, Repair
from orchestrator.planning.groundwork import Groundwork
from orchestrator.planning.power_state import Sync
from orchestrator.ports.store import Run
from orchestrator.ports.writes import Move, Write
from orchestrator.services import grounds, restarts, running
from orchestrator.services.app import App
from orchestrator.services.carry_out import carry_out
from orchestrator.services.report import Report
from orchestrator.services.verify import Verdict, verify
from orchestrator.states.instance import TABLE

POWER = {"STOPPED": 4, "ACTIVE": 1, "ERROR": 6}
"""Nova's power state of what is recorded without a step: SHUTDOWN, RUNNING, CRASHED."""


class Allowed(Struct, frozen=True):
    """What may be done: repairs of these classes; what power states and restart policies ask for.

    `asked`: somebody asks for it now: what was paused goes on, and what destroyed instances left is removed.
    """

    repairs: frozenset[Repair] = frozenset()
    power: bool = False
    asked: bool = False


NOTHING = Allowed()
LIVE = Allowed(frozenset({Repair.LIVE}), power=True)
WITHOUT_REBOOTS = Allowed(frozenset({Repair.LIVE, Repair.RESTART}), power=True, asked=True)
ALL = Allowed(frozenset({Repair.LIVE, Repair.RESTART, Repair.REBOOT}), power=True, asked=True)


class Work(Struct, frozen=True):
    """What is to be done. `told`: outcomes that are known already, of what is recorded alone; `waits`: by name, restarts that are not due yet."""

    courses: tuple[Course, ...] = ()
    ground: Mapping[str, Groundwork] = field(default_factory=dict)
    lanes: Mapping[str, tuple[Lane, ...]] = field(default_factory=dict)
    writes: tuple[Write, ...] = ()
    told: tuple[Outcome, ...] = ()

    @property
    def any(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.courses or self.ground or self.lanes or self.writes)


def syncs(app: App, verdict: Verdict) -> dict[str, Sync]:
    """By name, the instances whose power is not as recorded, with what becomes of them."""
    known, now = restarts.attempts(app.store), app.clock.now()
    pairs = ((record, verdict.facts.get(record.instance.host)) for record in verdict.records if record.instance.name not in verdict.skipped)
    found = ((record, power_state.sync(record, facts, known.get(record.instance.uuid, ()), now)) for record, facts in pairs if facts)
    return {record.instance.name: each for record, each in found if each}


def mend(app: App, verb: str, verdict: Verdict, allowed: Allowed, names: Collection[str] | None = None) -> Report | None:
    """Do what is allowed of what the `verdict` asks for; None when that is nothing. What is owned is looked at once more before it is touched.

    What a run that died was about to bring back is taken up from there. Raises LockHeld when another run has one of the instances in hand.
    """
    concerned = _concerned(app, verdict, allowed)
    asked = plan(app, verdict, allowed).any
    left = tuple(record.instance.name for record in verdict.records if _left(record, verdict, allowed))
    hosts = [app.inventory.hosts[name] for name in verdict.facts]

    def begin(owned: tuple[str, ...]) -> Report:
        def work(run: Run) -> Report:
            again = verify(app, hosts, names)
            return _done(app, run, again, plan(app, again, allowed, owned))

        return running.run(app, verb, owned, work)

    if left:
        with contextlib.suppress(errors.LockHeld):  # it is in hand
            return begin((*concerned, *left))
    return begin(concerned) if asked else None


def plan(app: App, verdict: Verdict, allowed: Allowed, owned: Collection[str] | None = None) -> Work:
    """What of the verdict's findings may be mended, and how; of instances, only those that are `owned`."""
    power = syncs(app, verdict) if allowed.power else {}
    records = [record for record in verdict.records if owned is None or record.instance.name in owned]
    courses: list[Course] = []
    writes: list[Write] = []
    told: list[Outcome] = []
    known, now = restarts.attempts(app.store), app.clock.now()
    for record in records:
        name, host = record.instance.name, record.instance.host
        if owned is not None and _left(record, verdict, allowed):
            courses.append(course.chart(record, (), verdict.facts[host], verdict.ground[host]))
        if name in verdict.skipped or host not in verdict.facts:
            continue
        sync = power.get(name)
        if sync and sync.do is restart.Do.RESTART:
            writes.append(restarts.remembered(record, known.get(record.instance.uuid, ()), now))
        if sync and len(sync.triggers) == 1 and sync.do in (restart.Do.STOPPED, restart.Do.GIVE_UP):
            writes.append(move := _move(record, sync))
            told.append(Outcome(name, host, move.dest, "changed" if sync.do is restart.Do.STOPPED else "failed", fault=move.fault or ""))
        elif triggers := _ways(name, sync, verdict, allowed):
            courses.append(course.chart(record, triggers, verdict.facts[host], verdict.ground[host]))
    ground = (
        {name: each for name, each in verdict.ground.items() if each.actions and not each.problem} if Repair.LIVE in allowed.repairs else {}
    )
    return Work(tuple(courses), ground, _lanes(app, verdict) if allowed.asked else {}, tuple(writes), tuple(told))


def _concerned(app: App, verdict: Verdict, allowed: Allowed) -> tuple[str, ...]:
    power = syncs(app, verdict) if allowed.power else {}
    found = (record.instance.name for record in verdict.records if record.instance.name not in verdict.skipped)
    return tuple(name for name in found if _ways(name, power.get(name), verdict, allowed))


def _left(record: Record, verdict: Verdict, allowed: Allowed) -> bool:
    """Whether it is on its way back to where it runs, or is off, as restarts and repairs are; whoever began that may have died."""
    state = TABLE.state(record.state)
    own = state.name not in ("BUILDING", "deleting") and state.vm_state != "building" and not state.name.startswith("rebuild")
    return allowed.power and state.busy and own and record.instance.host in verdict.facts


def _ways(name: str, sync: Sync | None, verdict: Verdict, allowed: Allowed) -> tuple[str, ...]:
    """The triggers of an instance's course. One whose power is being waited for, or left, is left whole, but for what was paused and is asked for."""
    paused = any(finding.name == name and finding.cause == power_state.PAUSED for finding in verdict.findings)
    return sync.triggers if sync and not (paused and allowed.asked) else _triggers(name, verdict.findings, allowed)


def _triggers(name: str, findings: Sequence[Finding], allowed: Allowed) -> tuple[str, ...]:
    """How an instance is mended: as its worst finding asks for, or not at all when that is not allowed."""
    classes = {finding.repair for finding in findings if finding.name == name}
    if not classes or Repair.CANNOT in classes or not classes <= allowed.repairs:
        return ("repair",) if Repair.LIVE in classes & allowed.repairs and Repair.CANNOT not in classes else ()
    return ("repair",) if classes == {Repair.LIVE} else ("hard_reboot",)


def _move(record: Record, sync: Sync) -> Move:
    """What is recorded alone: it is off, and stays so."""
    dest = machine.fire(sync.triggers[0], record.state)
    fault = sync.why if dest.name == "ERROR" else None
    vm_state = dest.vm_state or record.vm_state
    return Move(
        record.instance.uuid, sync.triggers[0], record.state, dest.name, vm_state, dest.task_state, POWER[dest.name], fault, clears=True
    )


def _lanes(app: App, verdict: Verdict) -> dict[str, tuple[Lane, ...]]:
    return {name: tuple(leaks.removal(app.inventory.hosts[name], leak) for leak in each) for name, each in verdict.leaks.items() if each}


def _done(app: App, run: Run, verdict: Verdict, work: Work) -> Report:
    context = app.context(run)
    if work.writes:
        app.store.commit(run, work.writes)
    outcomes, hosts = carry_out(app, context, (work.courses, work.ground), lambda record, facts, ground: None)
    removed = _removed(app, run, work.lanes) if work.lanes and not context.stopping.is_set() else []
    found = (*work.told, *outcomes.values())
    wired = grounds.merged(hosts, {each.host: each for each in removed})
    trips = {name: app.transport.trips(name) for name in verdict.facts}
    return Report(run.id, found, verdict.unreachable, trips, hosts=tuple(wired.values()))


def _removed(app: App, run: Run, lanes: Mapping[str, tuple[Lane, ...]]) -> list[Outcome]:
    """What was left behind, removed; a host's outcome each. What a newer run has in hand stays."""

    def send(name: str) -> Outcome:
        heard: list[command.Record] = []
        batch = Batch(f"{run.id}-{name}-leftovers", run.epoch, lanes[name])
        try:
            app.transport.run(app.inventory.hosts[name], batch, heard.append)
        except errors.HostError as error:
            return Outcome("", name, "", "unknown" if isinstance(error, errors.OutcomeUnknown) else "unreachable", fault=str(error))
        wrong = [each for each in heard if each.kind != "done" or each.code]
        said = "; ".join(each.output.decode("utf-8", "replace").strip() or each.kind for each in wrong)
        return Outcome("", name, "", "failed" if wrong else "changed", len(heard), said)

    with futures.ThreadPoolExecutor(min(app.forks, len(lanes))) as pool:
        return list(pool.map(send, lanes))
