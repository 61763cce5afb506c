"""What a diagnosis found mended: nothing but that, and live where it can be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from orchestrator.engine.context import Outcome, Progress
from orchestrator.model.instance import Record
from orchestrator.planning import course
from orchestrator.planning.course import Course
from orchestrator.planning.diagnosis import Finding, Repair
from orchestrator.planning.groundwork import Groundwork
from orchestrator.planning.plan import Lost
from orchestrator.ports.store import Run
from orchestrator.services import diagnose, grounds, restarts, running, storage, wanted
from orchestrator.services.app import App
from orchestrator.services.carry_out import ROUNDS, carry_out
from orchestrator.services.diagnose import Diagnosis, Look
from orchestrator.services.report import Report
from orchestrator.states.instance import TABLE

VERB = "repair"
Consent = Callable[[Sequence[Finding]], bool]
"""Whether what cannot be mended without a reboot may be."""


class Repaired(Struct, frozen=True):
    """What was wrong `before`, what was done about it, and what is wrong `after`."""

    before: Diagnosis
    report: Report
    after: Diagnosis

    @property
    def exit_code(self) -> int:
        """0 when nothing is wrong any more; else 4, 3 or what the report says, and 2 when something was left as it is."""
        return self.report.exit_code or self.after.exit_code


def repair(app: App, names: Sequence[str], consent: Consent) -> Repaired:
    """Mend what is wrong with the instances called `names`, and with what their hosts share.

    An instance with anything that cannot be repaired is not touched, nor is one that needs a reboot to which `consent` is not given: other
    instances go on. What is wanted of an instance stays as it is: one that is stopped is not started.

    Raises NotFound, LockHeld, Conflict.
    """
    seen: list[Diagnosis] = []

    def work(run: Run) -> Report:
        found = diagnose.look(app, wanted.pick(app, names), run)
        seen.append(Diagnosis(found.findings, found.unreachable))
        report = _mended(app, run, found, consent)
        mended = _volumes(found) or any(outcome.status != "unchanged" for outcome in (*report.outcomes, *report.hosts))
        again = diagnose.look(app, wanted.pick(app, names), run) if mended and not app.stopping.is_set() else found
        seen.append(Diagnosis(again.findings, again.unreachable))
        return report

    report = running.run(app, VERB, names, work)
    return Repaired(seen[0], report, seen[1])


def _mended(app: App, run: Run, look: Look, consent: Consent) -> Report:
    reboots = [finding for finding in look.findings if finding.repair is Repair.REBOOT]
    agreed = bool(reboots) and consent(reboots)
    lost = _offered(app, run, look)
    seen = {name: each for name, each in look.seen.items() if not each.error}
    ground = grounds.chart(look.fabrics, seen)
    courses: list[Course] = []
    still: list[Outcome] = []
    for record in look.records:
        made = _course(record, look, ground, lost, agreed)
        if isinstance(made, Outcome):
            still.append(made)
        elif made:
            courses.append(made)
    begun = [each.record for each in courses if set(each.triggers) & {"start", "hard_reboot", "reclaim"}]
    if writes := [*grounds.noted(app, ground.values()), *restarts.forgotten(app.store, begun)]:
        app.store.commit(run, writes)
    context = app.context(run)
    context.report(Progress("", "", "", total=len(courses)))
    outcomes, wired = carry_out(app, context, (courses, ground), lambda record, facts, shared: None)
    if outcomes:
        failed = {name for name, each in wired.items() if each.status != "changed"}
        here = {record.instance.host for record in look.records}
        elsewhere = {name for name in look.fabrics if name not in here}
        wired = grounds.merged(wired, grounds.follow(app, context, ROUNDS, elsewhere | failed | look.unreachable.keys()))
    told = {each.name: each for each in (*still, *outcomes.values())}
    every = [
        told.get(each.instance.name) or Outcome(each.instance.name, each.instance.host, each.state, "unchanged") for each in look.records
    ]
    hosts = dict.fromkeys(record.instance.host for record in look.records)
    trips = {name: app.transport.trips(name) for name in hosts}
    shared = (*wired.values(), *_unfit(look), *storage.outcomes(lost))
    return Report(run.id, tuple(every), look.unreachable, trips, hosts=shared)


def _offered(app: App, run: Run, look: Look) -> Mapping[str, Lost]:
    """Volumes that lie elsewhere, offered again; those that could not be, by their ids."""
    volumes = [
        each.volume for record in look.records for each in record.instance.volumes if not each.leaving and each.volume.backend != "local"
    ]
    return storage.make(app, run, volumes) if _volumes(look) else {}


def _volumes(look: Look) -> bool:
    return any(finding.kind == "volume" for finding in look.others)


def _unfit(look: Look) -> list[Outcome]:
    """What of the hosts themselves cannot be repaired here, an outcome for each."""
    whys: dict[str, str] = {}
    for finding in look.others:
        if finding.repair is Repair.CANNOT and finding.kind == "host":
            whys.setdefault(finding.host, f"{finding.cause}: {finding.detail}; {finding.remedy}")
    return [Outcome("", host, "", "failed", fault=why) for host, why in whys.items()]


def _course(
    record: Record, look: Look, ground: Mapping[str, Groundwork], lost: Mapping[str, Lost], agreed: bool
) -> Course | Outcome | None:
    """What mends the instance; why nothing does, as its outcome; None when nothing is wrong with it, or nothing may be done."""
    name, host = record.instance.name, record.instance.host
    if host in look.unreachable:
        return Outcome(name, host, record.state, "unreachable", fault=look.unreachable[host])
    if look.seen[host].error:
        return Outcome(name, host, record.state, "failed", fault=str(look.seen[host].error))
    findings = look.own[name]
    for finding in findings:
        if finding.repair is Repair.CANNOT:
            return Outcome(name, host, record.state, "failed", fault=f"{finding.cause}: {finding.detail}; {finding.remedy}")
    classes = {finding.repair for finding in findings}
    if not findings or (Repair.REBOOT in classes and not agreed):
        return None
    if lack := storage.lacking(record.instance, lost):
        return Outcome(name, host, record.state, "failed", fault=str(lack.problem))
    charted = course.chart(record, triggers(record, findings), look.seen[host].facts, ground.get(host))
    return Outcome(name, host, record.state, "failed", fault=str(charted.problem)) if charted.problem else charted


def triggers(record: Record, findings: Sequence[Finding]) -> tuple[str, ...]:
    """Which course mends these findings; none: the one that was begun goes on."""
    causes = {finding.cause for finding in findings}
    if "unmanaged-qemu" in causes:
        return ("reclaim",)
    if TABLE.state(record.state).busy:
        return ()
    if "runs-though-stopped" in causes:
        return ("found_running", "stop") if record.state == "STOPPED" else ("stop",)
    if any(finding.repair is Repair.REBOOT for finding in findings):
        return ("hard_reboot",)
    if any(finding.repair is Repair.RESTART for finding in findings):
        return _restart(record)
    return ("repair",)


def _restart(record: Record) -> tuple[str, ...]:
    if record.state == "ACTIVE":
        return ("found_stopped", "start")
    return ("hard_reboot",) if record.wanted == "active" else ("stop",)
