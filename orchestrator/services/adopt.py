"""Guests that run without us, taken over as they are: those that a store forgot, and those that others made. None is restarted.

First a look, which changes nothing. Then all is recorded in one transaction, as it was found; then others' guests get our mark in their definitions, by
the steps that change a guest while it runs. Whatever cuts that off, the same command again finishes it: what is recorded and not marked yet is known by that.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import msgspec
from msgspec import Struct, field

from orchestrator.commands.command import Batch
from orchestrator.engine.context import Outcome
from orchestrator.facts import compute, gather, others
from orchestrator.facts import domain as domains
from orchestrator.facts.gather import Facts, Key
from orchestrator.model import desired, errors
from orchestrator.model.decision import Decision
from orchestrator.model.host import Host
from orchestrator.model.instance import Record
from orchestrator.planning import course, decide, forgotten, takeover
from orchestrator.planning import declared as declared_by
from orchestrator.planning.course import Course
from orchestrator.planning.takeover import Candidate, Ground, Left
from orchestrator.ports.store import Placement, Run
from orchestrator.ports.writes import Inherit, Resource, Write
from orchestrator.services import grounds, observe, older, running
from orchestrator.services import plan as planning
from orchestrator.services.app import App
from orchestrator.services.carry_out import carry_out
from orchestrator.services.report import Report
from orchestrator.states import step as steps
from orchestrator.states.instance import SPAWNING, TABLE

DEFINE = SPAWNING[1]


class Look(Struct, frozen=True):
    """What there is to take over on a host, whose facts these are. `inherit`: what the store is and counts from then on.

    `unfinished`: instances recorded by an earlier adopt, and not marked yet. `nouns`: what the instances rest on, and the store does not know.
    """

    host: Host
    facts: Facts
    inherit: Inherit
    found: tuple[Candidate, ...] = ()
    left: tuple[Left, ...] = ()
    unfinished: tuple[str, ...] = ()
    nouns: tuple[Resource, ...] = field(default_factory=tuple)

    @property
    def names(self) -> tuple[str, ...]:
        """The instances that something will be done to."""
        return tuple(dict.fromkeys([*(each.instance.name for each in self.found), *self.unfinished]))


def look(app: App, name: str, names: Sequence[str] = (), declared: desired.Desired | None = None) -> Look:
    """The guests of a host that no record knows; of `names` alone, when there are some (domains, uuids, or instances).

    `declared` has groups that the store does not know. Raises NotFound, HostError.
    """
    host, known, wish = app.inventory.hosts[name], app.store.snapshot(), declared or desired.Desired()
    mine = [each for each in known.records if each.instance.host == name and each.instance.definition]
    key = others.Key(host.instances_path, " ".join(sorted(each.instance.uuid for each in known.records)))
    seen = _ask(app, host, (compute.Key(host.instances_path), key, *(domains.Key(each.instance.domain) for each in mine)))
    observe.capacity(host, seen, known.capacities.get(name))  # raises where another machine answers
    there = seen[key]
    assert isinstance(there, others.Others)  # noqa: S101  # the fact's own type
    server_groups = {each.name for each in app.store.resources("server_group")} | wish.server_groups.keys()
    ground = Ground(host, app.store.lineage, known, there, grounds.networks(app), grounds.groups(app, wish).keys(), server_groups)
    parts = dict(_ask(app, host, takeover.second(ground)))
    parts |= _ask(app, host, takeover.third(ground, parts))
    found, left, inherit = takeover.settle(ground, parts, names)
    unfinished = tuple(each.instance.name for each in mine if _unfinished(each, seen) and (not names or each.instance.name in names))
    told = {*unfinished, *(word for each in found for word in (each.instance.uuid, each.instance.domain, each.instance.name))}
    if unknown := [each for each in names if each not in told | {word for one in left for word in (one.uuid, one.name)}]:
        raise errors.NotFound(f"no guest {unknown[0]!r} on {name} that is not recorded", hint="without a name, all are taken over")
    return Look(host, seen, inherit, found, left, unfinished, _nouns(found, wish))


def _unfinished(record: Record, seen: Facts) -> bool:
    if TABLE.state(record.state).busy:
        return record.state.startswith("updating")
    found = seen[domains.Key(record.instance.domain)]
    return isinstance(found, domains.Domain) and found.uuid == record.instance.uuid and found.lineage is None


def _ask(app: App, host: Host, keys: Sequence[Key]) -> Facts:
    if not keys:
        return {}
    return gather.parse(keys, app.transport.run(host, Batch(f"adopt-{host.name}", 0, reads=gather.commands(keys)), lambda record: None))


def _nouns(found: Sequence[Candidate], wish: desired.Desired) -> tuple[Resource, ...]:
    """The groups of the playbook that was named, as far as somebody is in them: without their rules, nothing would be let through."""
    groups = {name for each in found for port in each.instance.ports for name in port.security_groups}
    more = {each.instance.server_group for each in found}
    made = [("security_group", name, wish.security_groups[name]) for name in sorted(groups & wish.security_groups.keys())]
    members = [("server_group", name, each) for name, each in sorted(wish.server_groups.items()) if name in more]
    return tuple(
        Resource(kind, name, json.dumps(msgspec.to_builtins(noun), sort_keys=True, default=dict)) for kind, name, noun in (*made, *members)
    )


def adopt(app: App, seen: Look) -> Report:
    """Take over what was seen. Raises Conflict when somebody has been quicker, LockHeld, HostError."""
    host = seen.host.name

    def work(run: Run) -> Report:
        if seen.inherit.lineage != app.store.lineage or any(each.forgotten for each in seen.found):
            app.store.commit(run, [seen.inherit])
        app.store.place(run, lambda snapshot: [_placement(each, host) for each in seen.found])
        writes: list[Write] = list(seen.nouns)
        if mark := older.newest(app.store, seen.facts):
            writes += older.accepted(host, run, mark)
        if writes:
            app.store.commit(run, writes)
        outcomes = {each.instance.name: Outcome(each.instance.name, host, each.state, "changed") for each in seen.found if each.forgotten}
        marking = [each for each in app.store.records() if each.instance.name in seen.names and each.instance.definition]
        found, unreachable = _marked(app, run, seen.host, marking)
        trips = {host: app.transport.trips(host)}
        return Report(run.id, tuple((outcomes | found)[name] for name in seen.names), unreachable, trips)

    return running.run(app, "adopt", seen.names, work)


def _placement(each: Candidate, host: str) -> Placement:
    why = "it was here: its store had forgotten it" if each.forgotten else "it was here: somebody else made it"
    wanted = "active" if each.state == "ACTIVE" else "stopped"
    volumes = tuple(attached.volume for attached in each.instance.volumes)
    return Placement(each.instance, wanted, Decision(host=host, why=why), volumes, each.state)


def _marked(app: App, run: Run, host: Host, records: Sequence[Record]) -> tuple[dict[str, Outcome], dict[str, str]]:
    """The guests of others with our mark in their definitions; what became of them, and the host when it was not reached."""
    if not records:
        return {}, {}
    seen = observe.observe(app, [host], records, run)[host.name]
    if seen.error:
        lost = {each.instance.name: Outcome(each.instance.name, host.name, each.state, "unreachable") for each in records}
        return lost, {host.name: str(seen.error)}
    courses = [made for each in records if (made := _course(each, seen.facts))]
    outcomes, _ = carry_out(app, app.context(run), (courses, {}), lambda *_: None)
    rest = {each.instance.name: Outcome(each.instance.name, host.name, each.state, "unchanged") for each in records}
    return rest | outcomes, {}


def _course(record: Record, facts: Facts) -> Course | None:
    if TABLE.state(record.state).busy:
        return course.chart(record, (), facts)
    return course.chart(record, ("update",), facts) if steps.find(DEFINE).plan(record.instance, facts).actions else None


def play(app: App, names: Sequence[str], declared: desired.Desired | None = None) -> dict[str, object]:
    """The instances called so, all of one host, as a play that asks for nothing else than what is recorded."""
    wish = declared or desired.Desired()
    records = sorted((each for each in app.store.records() if each.instance.name in names), key=_age)
    server_groups = {each.name: desired.ServerGroup(**json.loads(each.body)) for each in app.store.resources("server_group")}
    pairs = [(each.instance, each.wanted) for each in records]
    return declared_by.play(records[0].instance.host, pairs, grounds.groups(app, wish), {**server_groups, **wish.server_groups})


def _age(record: Record) -> tuple[int, str]:
    return forgotten.number(record.instance), record.instance.name


def pending(app: App, wish: desired.Desired) -> tuple[str, ...]:
    """What `plan` would do of a playbook, and ought not to: nothing, when it says what there is."""
    made, _ = planning.plan(app, wish)
    return (
        *(f"{each.name}: {each.verb}: {each.why}" for each in made.changes if each.verb != decide.NOTHING),
        *(f"host {each.fabric.host}: {leg.why}" for each in made.shared for leg in each.legs if leg.actions),
        *(f"volume {each.name}: {each.verb}: {each.why}" for each in made.storage),
    )
