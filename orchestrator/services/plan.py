"""What apply would do and why; nothing is changed, on hosts or in the store."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from orchestrator.facts.gather import Facts
from orchestrator.model import errors
from orchestrator.model.desired import Desired, InstanceRequest
from orchestrator.model.host import Host
from orchestrator.model.instance import Record
from orchestrator.planning import compare, course, decide
from orchestrator.planning.plan import UNREACHABLE, Change, Plan
from orchestrator.ports.store import Placement, Run, Snapshot
from orchestrator.scheduling import place as placing
from orchestrator.services.app import App
from orchestrator.services.observe import Observation, observe
from orchestrator.states.instance import TABLE

Decide = Callable[[Snapshot], Sequence[Placement]]


def plan(app: App, desired: Desired, run: Run | None = None) -> tuple[Plan, Decide]:
    """The plan, and the decision on new instances, to be taken again inside the store's transaction.

    Raises Conflict when the playbook says something else of an existing instance than what it was made of, or a host already has what would be made;
    NoValidHost.
    """
    snapshot = app.store.snapshot()
    records = {record.instance.name: record for record in snapshot.records}
    wishes = list(desired.instances.values())
    known = [records[wish.name] for wish in wishes if wish.name in records]
    new = [wish for wish in wishes if wish.name not in records and wish.state != "absent"]
    _refuse_changes(records, wishes, desired)
    seen = observe(app, _hosts(app, known, new), known, run)
    sites = [placing.Site(each.host, each.facts, each.capacity) for each in seen.values() if each.capacity]
    stranded = [wish for wish in new if not any(seen[name].capacity for name in wish.hosts)]
    choose: Decide = partial(_place, [wish for wish in new if wish not in stranded], desired, sites, app.store.lineage)
    placements = tuple(choose(snapshot))
    fresh = [_record(placement) for placement in placements]
    seen = _with_fresh(app, seen, fresh)
    decisions = {placement.instance.name: placement.decision for placement in placements}
    changes = [
        _change(record, desired.instances[record.instance.name].state, seen[record.instance.host], decisions) for record in [*known, *fresh]
    ]
    changes += [Change(wish.name, ",".join(wish.hosts), UNREACHABLE, "none of its hosts can be reached") for wish in stranded]
    order = {wish.name: number for number, wish in enumerate(wishes)}
    changes.sort(key=lambda change: order[change.name])
    return Plan(tuple(changes), placements, {name: str(each.error) for name, each in seen.items() if each.error}), choose


def _place(
    new: Sequence[InstanceRequest], desired: Desired, sites: Sequence[placing.Site], lineage: str, seen: Snapshot
) -> Sequence[Placement]:
    return placing.place(new, desired, sites, lineage, seen)


def _hosts(app: App, known: Sequence[Record], new: Sequence[InstanceRequest]) -> list[Host]:
    wanted = dict.fromkeys([record.instance.host for record in known] + [name for wish in new for name in wish.hosts])
    missing = [record for record in known if record.instance.host not in app.inventory.hosts]
    if missing:
        raise errors.Conflict(
            f"host {missing[0].instance.host!r} has left the inventory",
            why=f"instance {missing[0].instance.name!r} is there",
            hint="put the host back into the inventory; nothing was changed",
        )
    return [app.inventory.hosts[name] for name in wanted]


def _refuse_changes(records: Mapping[str, Record], wishes: Sequence[InstanceRequest], desired: Desired) -> None:
    found = []
    for wish in wishes:
        changed = compare.differences(records[wish.name].instance, wish, desired) if wish.name in records and wish.state != "absent" else ()
        found += (
            [
                errors.SpecError(
                    f"instance {wish.name!r} exists otherwise",
                    wish.where,
                    "; ".join(changed),
                    "put the old value back, or destroy the instance first",
                )
            ]
            if changed
            else []
        )
    if found:
        raise errors.SpecErrors(found)


def _record(placement: Placement) -> Record:
    return Record(placement.instance, "BUILDING", "building", "scheduling", 0, placement.wanted, None, placement.decision, "", "")


def _with_fresh(app: App, seen: Mapping[str, Observation], fresh: Sequence[Record]) -> dict[str, Observation]:
    """What was seen, and what the new instances need besides."""
    hosts = [app.inventory.hosts[name] for name in dict.fromkeys(record.instance.host for record in fresh)]
    more = observe(app, hosts, fresh)
    return {
        name: dataclasses.replace(more.get(name, each), facts={**each.facts, **more.get(name, each).facts}) for name, each in seen.items()
    }


def _change(record: Record, wanted: str, seen: Observation, decisions: Mapping[str, str]) -> Change:
    name, host = record.instance.name, record.instance.host
    if seen.error:
        return Change(name, host, UNREACHABLE, str(seen.error))
    _refuse_remains(record, seen.facts)
    verdict = decide.decide(record, wanted, seen.facts)
    if verdict.verb == decide.NOTHING:
        return Change(name, host, verdict.verb, verdict.why, notes=decide.drift(record, seen.facts) if record.state == "ACTIVE" else ())
    return Change(name, host, verdict.verb, verdict.why, course.chart(record, verdict.triggers, seen.facts), decisions.get(name, ""))


def _refuse_remains(record: Record, facts: Facts) -> None:
    """Raises Conflict when an instance of which nothing was sent yet is there already: the store is older than the host."""
    found = course.remains(record.instance, facts) if record.state == TABLE.initial else ()
    if found:
        raise errors.Conflict(
            f"instance {record.instance.name!r} cannot be made on {record.instance.host}",
            why=f"{found[0]} is there already: the store is older than the host, or another one manages it",
            hint="restore the newer store; nothing was changed",
        )
