"""Verbs on instances that exist: start, stop, hard-reboot, destroy."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from orchestrator.engine.context import Outcome, Progress
from orchestrator.facts.gather import Facts
from orchestrator.model import errors
from orchestrator.model.instance import Record
from orchestrator.planning import course, decide
from orchestrator.planning.course import Course
from orchestrator.planning.groundwork import Groundwork
from orchestrator.planning.plan import Lost
from orchestrator.ports.store import Run, Store
from orchestrator.ports.writes import AmendVolume, Want, Write
from orchestrator.services import grounds, plan, running, storage
from orchestrator.services.app import App
from orchestrator.services.carry_out import ROUNDS, Onward, carry_out
from orchestrator.services.observe import observe
from orchestrator.services.report import Report

WANTED = {"start": "active", "stop": "stopped", "hard-reboot": "active", "destroy": "absent"}
STARTS = ("start", "hard-reboot")
"""Verbs that have a guest run: before that, its host's network and rules are looked at and mended."""


def act(app: App, verb: str, names: Sequence[str], with_volumes: bool = False) -> Report:
    """Do `verb` to the instances called `names`; without any, destroy what earlier ones left of what instances shared.

    It is recorded whether volumes are to go with those destroyed: `volumes.delete` of `doomed` does that, also when this run is cut.

    Raises NotFound, StateError (before anything is done to any), LockHeld.
    """

    def work(run: Run) -> Report:
        records = pick(app, names)
        if verb == "destroy":
            app.store.commit(run, _marked(app, records, with_volumes))
        hosts = [app.inventory.hosts[name] for name in dict.fromkeys(record.instance.host for record in records)]
        lost: dict[str, Lost] = {}
        if verb in STARTS:
            volumes = [each.volume for record in records for each in record.instance.volumes if not each.leaving]
            lost = storage.make(app, run, [volume for volume in volumes if volume.backend != "local"])
        stale = grounds.concerned(app, grounds.of(app, [record.instance for record in app.store.records()]))
        made, seen = grounds.look(app, hosts, records, run) if verb in STARTS else ({}, observe(app, hosts, records, run))
        ground = grounds.chart(made, seen)
        unreachable = {name: str(each.error) for name, each in seen.items() if each.error}
        held = {record.instance.name: str(lack.problem) for record in records if (lack := storage.lacking(record.instance, lost))}
        reached = [record for record in records if record.instance.host not in unreachable and record.instance.name not in held]
        charted = {
            record.instance.name: _chart(verb, record, seen[record.instance.host].facts, ground.get(record.instance.host))
            for record in reached
        }
        wishes: list[Write] = [Want(record.instance.uuid, WANTED[verb]) for record in reached if verb != "destroy"]
        app.store.commit(run, wishes + grounds.noted(app, ground.values()))
        context = app.context(run)
        context.report(Progress("", "", "", total=sum(each is not None for each in charted.values())))
        outcomes, wired = carry_out(app, context, ([each for each in charted.values() if each], ground), _towards(verb))
        elsewhere = set() if verb == "destroy" else stale - {host.name for host in hosts}  # an interrupted destroy is finished by another
        failed = {name for name, each in wired.items() if each.status != "changed"}
        wired = grounds.merged(wired, grounds.follow(app, context, ROUNDS, elsewhere | failed | unreachable.keys()))
        found = [_outcome(record, outcomes, unreachable, held) for record in records]
        trips = {host.name: app.transport.trips(host.name) for host in hosts}
        return Report(run.id, tuple(found), unreachable, trips, hosts=(*wired.values(), *storage.outcomes(lost)))

    return running.run(app, verb, names, work)


def doomed(store: Store, names: Sequence[str]) -> tuple[str, ...]:
    """Volumes that are to go with the instances called `names`, and that no instance has any more."""
    return tuple(each.volume.name for each in store.volumes() if each.volume.deleted_with in names and each.instance is None)


def _marked(app: App, records: Sequence[Record], with_volumes: bool) -> list[Write]:
    """Volumes go with their instances, or are kept, whatever an earlier command said."""
    homes = {record.instance.uuid: record.instance.name for record in records}
    found: list[Write] = []
    for each in app.store.volumes():
        known = homes.get(each.instance or "", "") or (each.volume.deleted_with if each.volume.deleted_with in homes.values() else "")
        mark = known if with_volumes else ""
        if known and each.volume.deleted_with != mark:
            found.append(AmendVolume(structs.replace(each.volume, deleted_with=mark)))
    return found


def pick(app: App, names: Sequence[str]) -> list[Record]:
    """The records called so, in that order. Raises NotFound for a name that is not there, Conflict for a host that is not in the inventory."""
    known = {record.instance.name: record for record in app.store.records()}
    for name in names:
        if name not in known:
            raise errors.NotFound(f"no instance {name!r}", hint="see `orchestrator get instances`")
        if known[name].instance.host not in app.inventory.hosts:
            raise errors.Conflict(
                f"host {known[name].instance.host!r} of instance {name!r} is not in the inventory", hint="give the right one with -i"
            )
    return [known[name] for name in dict.fromkeys(names)]


def _chart(verb: str, record: Record, facts: Facts, ground: Groundwork | None) -> Course | None:
    if verb == "hard-reboot" and not plan.moves(record):
        return course.chart(record, ("hard_reboot",), facts, ground)
    if verb != "destroy" and (hint := _instead(verb, record)):
        raise errors.StateError(f"instance {record.instance.name!r} cannot {verb}", why=f"it is {record.state}", hint=hint)
    return _towards(verb)(record, facts, ground)


def _instead(verb: str, record: Record) -> str:
    """What to do when `verb`, start or stop, would end what another command began, or begin what another is there for."""
    if record.state == "deleting":
        return f"`orchestrator destroy {record.instance.name}` finishes it"
    if plan.moves(record):  # its host may be full by now: what is to be placed anew holds no room
        return f"nothing of it is on {record.instance.host}: `orchestrator apply` builds it, there or elsewhere"
    if record.state == "ERROR" and verb == "start":
        return f"`orchestrator hard-reboot {record.instance.name}`"
    built = record.instance.launched or record.state not in ("BUILDING", "ERROR")
    return "" if built else "it was never built: `orchestrator apply` does that"


def _towards(verb: str) -> Onward:
    def onward(record: Record, facts: Facts, ground: Groundwork | None) -> Course | None:
        verdict = decide.decide(record, WANTED[verb], facts)
        return None if verdict.verb == decide.NOTHING else course.chart(record, verdict.triggers, facts, ground)

    return onward


def _outcome(record: Record, outcomes: dict[str, Outcome], unreachable: dict[str, str], held: dict[str, str]) -> Outcome:
    name, host = record.instance.name, record.instance.host
    if host in unreachable or name in held:
        return Outcome(name, host, record.state, "unreachable", fault=held.get(name) or unreachable[host])
    return outcomes.get(name) or Outcome(name, host, record.state, "unchanged")
