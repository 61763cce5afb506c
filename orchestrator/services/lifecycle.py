"""Verbs on instances that exist: start, stop, destroy; hard reboots are a file of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import structs

from orchestrator.engine.context import Outcome, Progress
from orchestrator.model.fabric import Fabric
from orchestrator.model.host import Host
from orchestrator.model.instance import Record
from orchestrator.planning import course
from orchestrator.ports.store import Run, Store
from orchestrator.ports.writes import AmendVolume, Want, Write
from orchestrator.services import departed, grounds, hard_reboot, restarts, running, storage, wanted
from orchestrator.services.app import App
from orchestrator.services.carry_out import ROUNDS, carry_out
from orchestrator.services.observe import Observation, observe
from orchestrator.services.report import Report


def act(app: App, verb: str, names: Sequence[str], with_volumes: bool = False) -> Report:
    """Do `verb` to the instances called `names`; without any, destroy what earlier ones left of what instances shared.

    It is recorded whether volumes are to go with those destroyed: `volumes.delete` of `doomed` does that, also when this run is cut.

    Raises NotFound, StateError (before anything is done to any), LockHeld.
    """
    if verb == hard_reboot.VERB:
        return hard_reboot.act(app, names)
    onward = wanted.towards(verb)

    def work(run: Run) -> Report:
        gone = departed.among(app, names)
        records = wanted.pick(app, [name for name in names if name not in gone])
        if verb == "destroy":
            app.store.commit(run, _marked(app, records, with_volumes))
        hosts = _hosts(app, records)
        volumes = [each.volume for record in records for each in record.instance.volumes if not each.leaving] if verb == "start" else []
        lost = storage.make(app, run, [volume for volume in volumes if volume.backend != "local"]) if volumes else {}
        before = grounds.of(app, [record.instance for record in app.store.records()])
        stale = grounds.concerned(app, before)
        made, seen = _looked(app, verb, records, run, before)
        ground = grounds.chart(made, seen)
        unreachable = {name: str(each.error) for name, each in seen.items() if each.error}
        held = {record.instance.name: str(lack.problem) for record in records if (lack := storage.lacking(record.instance, lost))}
        reached = [record for record in records if record.instance.host not in unreachable and record.instance.name not in held]
        for record in reached if verb != "destroy" else ():
            wanted.check(verb, record)
        charted = {
            record.instance.name: onward(record, seen[record.instance.host].facts, ground.get(record.instance.host)) for record in reached
        }
        wishes: list[Write] = [Want(record.instance.uuid, wanted.WANTED[verb]) for record in reached if verb != "destroy"]
        wishes += restarts.forgotten(app.store, records)
        app.store.commit(run, wishes + grounds.noted(app, ground.values()))
        context, courses = app.context(run), [each for each in charted.values() if each]
        ground |= grounds.without(app, courses, seen) if verb == "destroy" else {}
        context.report(Progress("", "", "", total=len(courses)))
        outcomes, wired = carry_out(app, context, (courses, ground), onward)
        elsewhere = set() if verb == "destroy" else stale - {host.name for host in hosts}  # an interrupted destroy is finished by another
        failed = {name for name, each in wired.items() if each.status != "changed"}
        wired = grounds.merged(wired, grounds.follow(app, context, ROUNDS, elsewhere | failed | unreachable.keys()))
        found = [_outcome(record, outcomes, unreachable, held) for record in records]
        trips = {host.name: app.transport.trips(host.name) for host in hosts}
        report = Report(run.id, tuple(found), unreachable, trips, hosts=(*wired.values(), *storage.outcomes(lost)))
        return departed.added(report, names, gone)

    return running.run(app, verb, names, work)


def _hosts(app: App, records: Sequence[Record]) -> list[Host]:
    return [app.inventory.hosts[name] for name in dict.fromkeys(record.instance.host for record in records)]


def _looked(
    app: App, verb: str, records: Sequence[Record], run: Run, before: Mapping[str, Fabric]
) -> tuple[Mapping[str, Fabric], Mapping[str, Observation]]:
    """What hosts' instances share, where it is to be mended before a guest starts, and what was seen of the hosts."""
    hosts = _hosts(app, records)
    if verb == "start":
        return grounds.look(app, hosts, records, run)
    if verb == "destroy":
        return {}, observe(app, hosts, records, run, grounds.needs(before), steps=course.DELETING)
    return {}, observe(app, hosts, records, run)


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


def _outcome(record: Record, outcomes: dict[str, Outcome], unreachable: dict[str, str], held: dict[str, str]) -> Outcome:
    name, host = record.instance.name, record.instance.host
    if host in unreachable or name in held:
        return Outcome(name, host, record.state, "unreachable", fault=held.get(name) or unreachable[host])
    return outcomes.get(name) or Outcome(name, host, record.state, "unchanged")
