"""What apply would do and why; nothing is changed, on hosts or in the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from types import MappingProxyType

from msgspec import structs

from orchestrator.engine.attachments import CONNECT
from orchestrator.facts.gather import Facts, Key
from orchestrator.model import errors
from orchestrator.model.decision import Decision
from orchestrator.model.desired import Desired, InstanceRequest
from orchestrator.model.fabric import Fabric
from orchestrator.model.host import Host
from orchestrator.model.instance import Instance, Record
from orchestrator.planning import course, decide, diagnosis, rolling
from orchestrator.planning.changes import HOSTS, Edit
from orchestrator.planning.groundwork import Groundwork
from orchestrator.planning.plan import NOWHERE, UNREACHABLE, UPDATE, Change, Lost, Plan
from orchestrator.ports.store import Placement, Run, Snapshot
from orchestrator.scheduling import place
from orchestrator.services import departed, edits, estranged, grounds, likely, refusals, storage
from orchestrator.services import wishes as volume_wishes
from orchestrator.services.app import App
from orchestrator.services.observe import Observation, observe
from orchestrator.states.instance import TABLE

Decide = Callable[[Snapshot], Sequence[Placement]]


def plan(
    app: App, desired: Desired, run: Run | None = None, lost: Mapping[str, Lost] = MappingProxyType({}), anew: bool = True
) -> tuple[Plan, Decide]:
    """The plan, and the decision on where instances go, to be taken again inside the store's transaction. `lost`: volumes known not to be had.
    `anew`: hosts that failed to build an instance may be asked again when no other can take it.

    Raises Conflict when the playbook says something else of an existing instance than what it was made of, or a host already has what would be made.
    """
    for _ in range(grounds.TRIES):
        records = app.store.records()
        known, gone = [record.instance for record in records], departed.of(app, records, desired)
        try:
            made, choose = _plan(app, departed.without(desired, gone), run, lost, anew)
        except errors.Conflict:
            if _instances(app) == known:
                raise
            continue  # what was in the way is another run's, recorded since
        hosts = {each.fabric.host for each in made.ground}
        if (now := _instances(app)) == known or all(grounds.of(app, now).get(host) == grounds.of(app, known).get(host) for host in hosts):
            return departed.told(
                made, desired, gone
            ), choose  # what was seen on the hosts was recorded before, so nothing of another run is taken for left over
    raise grounds.changing()


def _instances(app: App) -> list[Instance]:
    return [record.instance for record in app.store.records()]


def _plan(app: App, desired: Desired, run: Run | None, lost: Mapping[str, Lost], anew: bool) -> tuple[Plan, Decide]:
    recorded = app.store.snapshot()
    volumes = volume_wishes.of(app, recorded, desired)
    snapshot = volumes.snapshot
    storage_changes, missed = storage.plan(app, [volume for volume in volumes.wanted if volume.id not in lost], volumes.fresh)
    lost = {**lost, **missed}
    wishes = list(desired.instances.values())
    changing = edits.of(app, snapshot, desired)
    refusals.check(app, snapshot, desired, changing)
    wished = edits.amended(snapshot, desired, changing)
    refusals.room(app, snapshot, wished, desired)
    records = {record.instance.name: record for record in wished.records}
    known = [records[wish.name] for wish in wishes if wish.name in records]
    new = homeless(wishes, records)
    instances = [record.instance for record in records.values()]
    before = grounds.of(app, instances, desired)
    hosts = _hosts(app, known, new, grounds.concerned(app, before))
    likeliest = _both(likely.keys(app, new, desired, wished, anew) if new else {}, estranged.needs(recorded, hosts))
    seen = observe(app, hosts, known, run, _both(grounds.needs(before), likeliest))
    estranged.refuse(app, recorded, seen)
    if away := {name for name, each in seen.items() if each.error}:
        changing = edits.of(app, snapshot, desired, away)
        wished = edits.amended(snapshot, desired, changing)
        known = [record for record in wished.records if record.instance.name in {each.instance.name for each in known}]
    stranded = _stranded(new, lost, seen)
    wished = edits.plugged(app, wished, desired, seen)
    records = {record.instance.name: record for record in wished.records}
    plugged = [records[each.instance.name] for each in known if records[each.instance.name] != each and each.instance.host in seen]
    known, instances = [records[each.instance.name] for each in known], [record.instance for record in records.values()]
    placing = _Placing([wish for wish in new if wish.name not in stranded], desired, sites(app, seen), app, anew)
    placements, refused = placing.decide(wished)
    moved = {placement.instance.name: records[placement.instance.name] for placement in placements if placement.instance.name in records}
    left = {each.request.name for each in refused}  # of hosts that failed, there is none to go to in this run
    known = [record for record in known if record.instance.name not in moved.keys() | left and record.instance.host in seen]
    fresh = [_record(placement, moved.get(placement.instance.name)) for placement in placements]
    staying = [instance for instance in instances if instance.name not in moved]
    fabrics = grounds.of(app, [*staying, *(record.instance for record in fresh)], desired) if fresh or plugged else before
    seen = _look_again(app, seen, [*fresh, *plugged], {name: fabric for name, fabric in fabrics.items() if fabric != before.get(name)})
    ground = grounds.chart(fabrics, seen)
    decisions = {placement.instance.name: placement.decision for placement in placements}
    changes = [_change(record, desired.instances[record.instance.name].state, seen, ground, decisions) for record in [*known, *fresh]]
    consented = edits.consented(changing)
    asked = [record.instance for record in known if record.instance.name in consented]
    calm = {each.name: each for each in edits.before(app, snapshot, desired, asked, away)}
    changes = [_edited(_consented(_held(change, lost), calm), changing.get(change.name, ())) for change in changes]
    changes += _lonely([wish for wish in new if wish.name not in {record.instance.name for record in known}], stranded)
    changes += [Change(each.request.name, "", NOWHERE, each.error.why) for each in refused]
    order = {wish.name: number for number, wish in enumerate(wishes)}
    changes.sort(key=lambda change: order[change.name])
    ground |= _leaving(app, desired, changes, seen, [*staying, *(record.instance for record in fresh)])
    unreachable = {name: str(each.error) for name, each in seen.items() if each.error}
    old = {record.instance.name: record.instance for record in snapshot.records}
    changed = [calm.get(record.instance.name, record.instance) for record in known]
    noted = tuple(instance for instance in changed if instance != old[instance.name])
    return Plan(tuple(changes), placements, unreachable, tuple(ground.values()), noted, storage_changes, lost), placing.choose


def _leaving(
    app: App, desired: Desired, changes: Sequence[Change], seen: Mapping[str, Observation], instances: Sequence[Instance]
) -> dict[str, Groundwork]:
    """What hosts' instances share as it is to be once those that are to be absent are gone, of hosts on which nothing else is done: it goes in their job.

    Of one batch alone: with several, what they shared is needed until the last has ended.
    """
    going = [change.course for change in changes if change.course and desired.instances[change.name].state == "absent"]
    if not going or len(rolling.batches(desired, "")) > 1:
        return {}
    busy = {change.host for change in changes if change.course and desired.instances[change.name].state != "absent"}
    found = grounds.without(app, going, seen, instances, desired)
    return {name: each for name, each in found.items() if name not in busy}


def _stranded(new: Sequence[InstanceRequest], lost: Mapping[str, Lost], seen: Mapping[str, Observation]) -> dict[str, str]:
    """By name, why a wish cannot be placed now: a volume of it cannot be had, or no host of it answers."""
    names = {each.volume.name: str(each.problem) for each in lost.values()}
    found = {wish.name: names[name] for wish in new for name in wish.volumes if name in names}
    return found | {wish.name: "none of its hosts can be reached" for wish in new if not any(seen[name].capacity for name in wish.hosts)}


def _lonely(new: Sequence[InstanceRequest], stranded: Mapping[str, str]) -> list[Change]:
    return [Change(wish.name, ",".join(wish.hosts), UNREACHABLE, stranded[wish.name]) for wish in new if wish.name in stranded]


def homeless(wishes: Sequence[InstanceRequest], records: Mapping[str, Record]) -> list[InstanceRequest]:
    """Wishes that a host is to be found for: new ones, and those that move."""
    there = [wish for wish in wishes if wish.state != "absent"]
    return [wish for wish in there if wish.name not in records or decide.moves(records[wish.name])]


def sites(app: App, seen: Mapping[str, Observation]) -> list[place.Site]:
    """Every host of the inventory that was asked, as far as it answered."""
    failed = app.store.failed_builds()
    known = app.store.capacities()
    return [
        place.Site(each.host, each.facts, each.capacity or known.get(name, place.NOWHERE), str(each.error or ""), failed.get(name, 0))
        for name, each in seen.items()
    ]


class _Placing:
    """The decision, taken for the plan, and again for the record unless that would see the very same."""

    def __init__(self, new: Sequence[InstanceRequest], desired: Desired, sites: Sequence[place.Site], app: App, anew: bool) -> None:
        self._new, self._desired, self._sites = new, desired, sites
        self._app, self._lineage, self._options, self._anew = app, app.store.lineage, app.scheduler, anew
        self._seen: Snapshot | None = None
        self._made: tuple[tuple[Placement, ...], tuple[place.Refused, ...]] = ((), ())

    def decide(self, seen: Snapshot) -> tuple[tuple[Placement, ...], tuple[place.Refused, ...]]:
        """Placements, and what no host can take."""
        if self._new and seen != self._seen:
            self._seen = seen
            self._made = place.place(self._new, self._desired, self._sites, self._lineage, seen, options=self._options, anew=self._anew)
        return self._made

    def choose(self, seen: Snapshot) -> Sequence[Placement]:
        """The placements, by what is recorded."""
        return self.decide(edits.amended(seen, self._desired, edits.of(self._app, seen, self._desired)))[0] if self._new else ()


def _hosts(app: App, known: Sequence[Record], new: Sequence[InstanceRequest], concerned: Set[str]) -> list[Host]:
    moving = {wish.name for wish in new}
    there = [record for record in known if record.instance.name not in moving or record.instance.host in app.inventory.hosts]
    own = [record.instance.host for record in there] + [name for wish in new for name in wish.hosts]
    return [app.inventory.hosts[name] for name in dict.fromkeys([*own, *sorted(concerned)])]


def _both(one: Mapping[str, Sequence[Key]], other: Mapping[str, Sequence[Key]]) -> dict[str, tuple[Key, ...]]:
    return {name: (*one.get(name, ()), *other.get(name, ())) for name in one.keys() | other.keys()}


def _record(placement: Placement, before: Record | None) -> Record:
    """As it will be recorded."""
    if before:
        return structs.replace(before, instance=placement.instance, decision=placement.decision)
    return Record(placement.instance, "BUILDING", "building", "scheduling", 0, placement.wanted, None, placement.decision, "", "")


def _look_again(
    app: App, seen: Mapping[str, Observation], fresh: Sequence[Record], fabrics: Mapping[str, Fabric]
) -> dict[str, Observation]:
    """What was seen, and what the new instances, and the fabrics that change by them, need besides: hosts of which all of that was seen are left alone."""
    there: dict[str, list[Record]] = {name: [] for name in (*(record.instance.host for record in fresh), *fabrics)}
    for record in fresh:
        there[record.instance.host].append(record)
    shared = grounds.needs(fabrics)
    earlier = {name: seen[name].facts if name in seen else {} for name in there if not (name in seen and seen[name].error)}
    own = {name: [key for record in there[name] for key in course.needs(record.instance)] for name in earlier}
    lacking = [name for name, facts in earlier.items() if any(key not in facts for key in (*own[name], *shared.get(name, ())))]
    more = observe(app, [app.inventory.hosts[name] for name in lacking], fresh, None, shared)
    return {**seen, **{name: structs.replace(each, facts={**earlier[name], **each.facts}) for name, each in more.items()}}


def _change(
    record: Record, wanted: str, observed: Mapping[str, Observation], ground: Mapping[str, Groundwork], decisions: Mapping[str, Decision]
) -> Change:
    name, host = record.instance.name, record.instance.host
    seen = observed[host]
    if seen.error:
        return Change(name, host, UNREACHABLE, str(seen.error))
    _refuse_remains(record, seen.facts)
    verdict = decide.decide(record, wanted, seen.facts)
    if verdict.verb == decide.NOTHING:
        return Change(name, host, verdict.verb, verdict.why, notes=diagnosis.drift(record, seen.facts) if record.state == "ACTIVE" else ())
    charted = course.chart(record, verdict.triggers, seen.facts, ground.get(host))
    return Change(name, host, verdict.verb, verdict.why, charted, decisions.get(name))


def _held(change: Change, lost: Mapping[str, Lost]) -> Change:
    """The change, left undone when it takes up a volume that cannot be had."""
    connects = change.course and any(CONNECT in state.steps for state in change.course.path)
    lack = storage.lacking(change.course.record.instance, lost) if change.course and connects else None
    return Change(change.name, change.host, UNREACHABLE, str(lack.problem)) if lack else change


def _consented(change: Change, before: Mapping[str, Instance]) -> Change:
    """The change, whose course records what was consented to of its instance."""
    if change.course is None or change.name not in before:
        return change
    return structs.replace(change, course=structs.replace(change.course, before=before[change.name]))


def _edited(change: Change, found: Sequence[Edit]) -> Change:
    """The change with what is edited of its instance; what is true once it is recorded asks for no course."""
    recorded = change.verb == decide.NOTHING and any(not edit.held and edit.field not in HOSTS for edit in found)
    told = structs.replace(change, edits=tuple(found))
    return structs.replace(told, verb=UPDATE, why="it is recorded otherwise") if recorded else told


def _refuse_remains(record: Record, facts: Facts) -> None:
    """Raises Conflict when an instance of which nothing was sent yet is there already: the store is older than the host."""
    found = course.remains(record.instance, facts) if record.state == TABLE.initial else ()
    if found:
        raise errors.Conflict(
            f"instance {record.instance.name!r} cannot be made on {record.instance.host}",
            why=f"{found[0]} is there already: the store is older than the host, or another one manages it",
            hint="restore the newer store; nothing was changed",
        )
