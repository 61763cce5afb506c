"""What apply would do and why; nothing is changed, on hosts or in the store."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence, Set
from types import MappingProxyType

from msgspec import Struct, structs

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
            # what was seen on the hosts was recorded before, so nothing of another run is taken for left over
            return departed.told(made, desired, gone), choose
    raise grounds.changing()


def _instances(app: App) -> list[Instance]:
    return [record.instance for record in app.store.records()]


class _Wanted(Struct, frozen=True):
    """What would be recorded, were all done that the playbook says of instances there are: `wished`, where `recorded` is what is, with its volumes.

    What only hosts can tell is not in it before they are `asked`.
    """

    desired: Desired
    recorded: Snapshot
    edits: edits.Edits
    wished: Snapshot

    @property
    def records(self) -> dict[str, Record]:
        """All instances by name."""
        return {record.instance.name: record for record in self.wished.records}

    @property
    def known(self) -> list[Record]:
        """Those that the playbook names."""
        records = self.records
        return [records[name] for name in self.desired.instances if name in records]

    @property
    def new(self) -> list[InstanceRequest]:
        """Wishes that a host is to be found for."""
        return homeless(list(self.desired.instances.values()), self.records)


class _Made(Struct, frozen=True):
    """Instances as they will be recorded: `known` ones of the playbook that stay where they are, `fresh` ones that come to a host, and all `others` that there are."""

    known: Sequence[Record]
    fresh: Sequence[Record]
    others: Sequence[Instance]

    @property
    def instances(self) -> list[Instance]:
        """All that hosts will have."""
        return [*self.others, *(record.instance for record in self.fresh)]


def _plan(app: App, desired: Desired, run: Run | None, lost: Mapping[str, Lost], anew: bool) -> tuple[Plan, Decide]:
    recorded = app.store.snapshot()
    volumes = volume_wishes.of(app, recorded, desired)
    storage_changes, missed = storage.plan(app, [volume for volume in volumes.wanted if volume.id not in lost], volumes.fresh)
    lost = {**lost, **missed}
    wanted = _wanted(app, desired, volumes.snapshot)
    refusals.check(app, wanted.recorded, desired, wanted.edits)
    refusals.room(app, wanted.recorded, wanted.wished, desired)
    before = grounds.of(app, [record.instance for record in wanted.wished.records], desired)
    hosts = _hosts(app, wanted, grounds.concerned(app, before))
    likeliest = likely.keys(app, wanted.new, desired, wanted.wished, anew) if wanted.new else {}
    needed = _both(grounds.needs(before), _both(likeliest, estranged.needs(recorded, hosts)))
    seen = observe(app, hosts, wanted.known, run, needed)
    estranged.refuse(app, recorded, seen)
    wanted, plugged = _asked(app, wanted, seen)
    stranded = _stranded(wanted.new, lost, seen)
    placing = _Placing([wish for wish in wanted.new if wish.name not in stranded], desired, sites(app, seen), app, anew)
    placements, refused = placing.decide(wanted.wished)
    made = _made(wanted, placements, {each.request.name for each in refused}, seen)
    fabrics = grounds.of(app, made.instances, desired) if made.fresh or plugged else before
    seen = _look_again(app, seen, [*made.fresh, *plugged], {name: fabric for name, fabric in fabrics.items() if fabric != before.get(name)})
    ground = grounds.chart(fabrics, seen)
    decisions = {placement.instance.name: placement.decision for placement in placements}
    changes = [
        _change(record, desired.instances[record.instance.name].state, seen, ground, decisions) for record in [*made.known, *made.fresh]
    ]
    calm = _calm(app, wanted, made, seen)
    changes = [_edited(_consented(_held(change, lost), calm), wanted.edits.get(change.name, ())) for change in changes]
    changes += _lonely(wanted.new, stranded, {record.instance.name for record in made.known})
    changes += [Change(each.request.name, "", NOWHERE, each.error.why) for each in refused]
    order = {name: number for number, name in enumerate(desired.instances)}
    changes.sort(key=lambda change: order[change.name])
    ground |= _leaving(app, desired, changes, seen, made.instances)
    unreachable = {name: str(each.error) for name, each in seen.items() if each.error}
    noted = _noted(wanted, made, calm)
    return Plan(tuple(changes), placements, unreachable, tuple(ground.values()), noted, storage_changes, lost), placing.choose


def _wanted(app: App, desired: Desired, recorded: Snapshot, away: Collection[str] = ()) -> _Wanted:
    changing = edits.of(app, recorded, desired, away)
    return _Wanted(desired, recorded, changing, edits.amended(recorded, desired, changing))


def _away(seen: Mapping[str, Observation]) -> set[str]:
    return {name for name, each in seen.items() if each.error}


def _asked(app: App, wanted: _Wanted, seen: Mapping[str, Observation]) -> tuple[_Wanted, list[Record]]:
    """What is wanted by what hosts say, or do not say; and the records of which ports come by that."""
    if away := _away(seen):
        wanted = _wanted(app, wanted.desired, wanted.recorded, away)
    told = structs.replace(wanted, wished=edits.plugged(app, wanted.wished, wanted.desired, seen))
    before = wanted.records
    return told, [each for each in told.known if each != before[each.instance.name] and each.instance.host in seen]


def _made(wanted: _Wanted, placements: Sequence[Placement], refused: Set[str], seen: Mapping[str, Observation]) -> _Made:
    """`refused`: names of what no host takes: of hosts that failed, there is none to go to in this run."""
    records = wanted.records
    placed = {placement.instance.name for placement in placements}
    known = [record for record in wanted.known if record.instance.name not in placed | refused and record.instance.host in seen]
    fresh = [_record(placement, records.get(placement.instance.name)) for placement in placements]
    return _Made(known, fresh, [record.instance for name, record in records.items() if name not in placed])


def _calm(app: App, wanted: _Wanted, made: _Made, seen: Mapping[str, Observation]) -> dict[str, Instance]:
    """By name, what was consented to of as it is to be recorded before that is begun."""
    consented = edits.consented(wanted.edits)
    asked = [record.instance for record in made.known if record.instance.name in consented]
    return {each.name: each for each in edits.before(app, wanted.recorded, wanted.desired, asked, _away(seen))}


def _noted(wanted: _Wanted, made: _Made, calm: Mapping[str, Instance]) -> tuple[Instance, ...]:
    """Instances of which something is to be recorded otherwise, before any is begun."""
    old = {record.instance.name: record.instance for record in wanted.recorded.records}
    changed = (calm.get(record.instance.name, record.instance) for record in made.known)
    return tuple(instance for instance in changed if instance != old[instance.name])


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


def _lonely(new: Sequence[InstanceRequest], stranded: Mapping[str, str], told: Set[str]) -> list[Change]:
    """What cannot be placed now, but for what is `told` of already: its own host is at fault."""
    lonely = (wish for wish in new if wish.name in stranded and wish.name not in told)
    return [Change(wish.name, ",".join(wish.hosts), UNREACHABLE, stranded[wish.name]) for wish in lonely]


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


def _hosts(app: App, wanted: _Wanted, concerned: Set[str]) -> list[Host]:
    new = {wish.name: wish for wish in wanted.new}
    there = [each for each in wanted.known if each.instance.name not in new or each.instance.host in app.inventory.hosts]
    own = [each.instance.host for each in there] + [name for wish in new.values() for name in wish.hosts]
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
