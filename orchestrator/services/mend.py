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
from orchestrator.model.host import Host
from orchestrator.model.instance import Record
from orchestrator.planning import course, leaks, power_state, restart
from orchestrator.planning.course import Course
from orchestrator.planning.diagnosis import Finding, Repair
from orchestrator.planning.groundwork import Groundwork
from orchestrator.planning.power_state import Sync
from orchestrator.ports.store import Run
from orchestrator.ports.writes import Move, Write
from orchestrator.services import grounds, repair, restarts, running
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
ASKED = Allowed(frozenset({Repair.LIVE}), power=True, asked=True)
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
        return bool(self.courses or self.ground or self.lanes or self.writes or self.told)


class Restored(Struct, frozen=True):
    """What was not as recorded `before`, what was done about it, and what is not `after`."""

    before: Verdict
    reports: tuple[Report, ...]
    after: Verdict

    @property
    def exit_code(self) -> int:
        """0 when all is as recorded; else 4, 3 when mending failed or something cannot be mended here, 2 when something was left."""
        if self.after.unreachable or not (self.after.findings or self.after.skipped):
            return self.after.exit_code  # what failed at first was mended by what came after it
        failed = any(report.exit_code == 3 for report in self.reports)
        return 3 if failed or any(finding.repair is Repair.CANNOT for finding in self.after.findings) else self.after.exit_code


def restore(app: App, hosts: Sequence[Host], names: Collection[str] | None, consent: repair.Consent) -> Restored:
    """Mend what is not as recorded on the hosts: power, what they share, what was left behind; then instances by a diagnosis of each.

    What guests have to be rebooted for waits for `consent`. Raises LockHeld, Conflict.
    """
    before = after = verify(app, hosts, names, deep=True)
    reports: list[Report] = []
    if report := mend(app, "verify", before, ASKED):
        reports.append(report)
        after = verify(app, hosts, names, deep=True)
    if (ill := _ill(after)) and not app.stopping.is_set():
        reports.append(repair.repair(app, ill, consent).report)
        after = verify(app, hosts, names, deep=True)
    return Restored(before, tuple(reports), after)


def _ill(verdict: Verdict) -> tuple[str, ...]:
    """Instances of which, or of whose volumes, something is not as recorded."""
    named = {finding.name for finding in verdict.findings}
    there = (record for record in verdict.records if record.instance.name not in verdict.skipped and record.instance.host in verdict.facts)
    return tuple(each.instance.name for each in there if named & {each.instance.name, *(one.volume.name for one in each.instance.volumes)})


def syncs(app: App, verdict: Verdict) -> dict[str, Sync]:
    """By name, the instances whose power is not as recorded, with what becomes of them."""
    known, now = restarts.attempts(app.store), app.clock.now()
    pairs = ((record, verdict.facts.get(record.instance.host)) for record in verdict.records if record.instance.name not in verdict.skipped)
    found = ((record, power_state.sync(record, facts, known.get(record.instance.uuid, ()), now)) for record, facts in pairs if facts)
    return {record.instance.name: each for record, each in found if each}


def mend(app: App, verb: str, verdict: Verdict, allowed: Allowed) -> Report | None:
    """Do what is allowed of what the `verdict` asks for; None when that is nothing. What is owned is looked at once more before it is touched.

    What a run that died was about to bring back is taken up from there. Raises LockHeld when another run has one of the instances in hand.
    """
    concerned = _concerned(app, verdict, allowed)
    asked = plan(app, verdict, allowed).any
    left = tuple(record.instance.name for record in verdict.records if _left(record, verdict, allowed))
    hosts = [app.inventory.hosts[name] for name in verdict.facts]

    def begin(owned: tuple[str, ...]) -> Report:
        def work(run: Run) -> Report:
            again = verify(app, hosts, owned, run=run)
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
        if sync and len(sync.triggers) == 1 and sync.do in (restart.Do.STOPPED, restart.Do.GIVE_UP):
            writes.append(move := _move(record, sync))
            told.append(Outcome(name, host, move.dest, "changed" if sync.do is restart.Do.STOPPED else "failed", fault=move.fault or ""))
        elif triggers := _ways(record, sync, verdict, allowed):
            charted = course.chart(record, triggers, verdict.facts[host], verdict.ground[host])
            if charted.problem:  # it stays as it is, and so does the count of its restarts
                told.append(Outcome(name, host, record.state, "failed", fault=str(charted.problem)))
                continue
            courses.append(charted)
            if sync and sync.do is restart.Do.RESTART:
                writes.append(restarts.remembered(record, known.get(record.instance.uuid, ()), now))
    ground = _grounds(verdict) if Repair.LIVE in allowed.repairs else {}
    return Work(tuple(courses), ground, _lanes(app, verdict) if allowed.asked else {}, tuple(writes), tuple(told))


def _grounds(verdict: Verdict) -> dict[str, Groundwork]:
    """What is to be made of what hosts share; not where guests with our mark are that the store forgot: what they rest on looks as if nothing needed it."""
    forgotten = {finding.host for finding in verdict.findings if finding.cause == leaks.UNKNOWN}
    return {name: each for name, each in verdict.ground.items() if each.actions and not each.problem and name not in forgotten}


def _concerned(app: App, verdict: Verdict, allowed: Allowed) -> tuple[str, ...]:
    power = syncs(app, verdict) if allowed.power else {}
    found = (record for record in verdict.records if record.instance.name not in verdict.skipped)
    return tuple(record.instance.name for record in found if _ways(record, power.get(record.instance.name), verdict, allowed))


def _left(record: Record, verdict: Verdict, allowed: Allowed) -> bool:
    """Whether it is on its way back to where it runs, or is off, as restarts and repairs are; whoever began that may have died."""
    state = TABLE.state(record.state)
    own = state.name not in ("BUILDING", "deleting") and state.vm_state != "building" and not state.name.startswith("rebuild")
    return allowed.power and state.busy and own and record.instance.host in verdict.facts


def _ways(record: Record, sync: Sync | None, verdict: Verdict, allowed: Allowed) -> tuple[str, ...]:
    """The triggers of an instance's course. One whose power is being waited for, or left, is left whole, but for what was paused and is asked for; and one
    whose volumes are not to be had where they lie: a repair has them offered first.
    """
    needed = sync is None or sync.paused or sync.do is restart.Do.RESTART
    if needed and _lacking(record, verdict):
        return ()
    return sync.triggers if sync and not (sync.paused and allowed.asked) else _triggers(record, verdict.findings, allowed)


def _lacking(record: Record, verdict: Verdict) -> bool:
    """Whether a look has found something wrong with a volume of its where that lies."""
    own = {each.volume.name for each in record.instance.volumes}
    return any(finding.kind == "volume" and finding.name in own for finding in verdict.findings)


def _triggers(record: Record, findings: Sequence[Finding], allowed: Allowed) -> tuple[str, ...]:
    """How an instance is mended: as its findings ask for, as far as that is allowed. One with anything that cannot be repaired is left whole; and one
    in ERROR is started, or rebooted, by an operator alone: its restart policy may have given it up.
    """
    own = [finding for finding in findings if finding.name == record.instance.name and finding.host == record.instance.host]
    if any(finding.repair is Repair.CANNOT for finding in own):
        return ()
    if Repair.REBOOT not in allowed.repairs and any(finding.cause == "unmanaged-qemu" for finding in own):
        return ()  # nothing is done to what libvirt has forgotten before its process has ended
    classes = allowed.repairs & {Repair.LIVE} if record.state == "ERROR" else allowed.repairs
    may = [finding for finding in own if finding.repair in classes]
    return repair.triggers(record, may) if may else ()


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
