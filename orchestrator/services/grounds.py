"""What hosts are to have in common for their instances: worked out from the store, looked at, made so.

A host's fabric follows from instances on other hosts as well (tunnels, members of groups). The store keeps the digest of the one that was last seen
to be true of each host: whose fabric is another by now is concerned, wherever the change came from, and whatever became of the run that made it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence, Set
from concurrent import futures
from types import MappingProxyType

from msgspec import structs

from orchestrator.engine import runner
from orchestrator.engine.context import Context, Outcome
from orchestrator.facts.gather import Key
from orchestrator.model import desired, errors
from orchestrator.model.fabric import Fabric
from orchestrator.model.host import Host
from orchestrator.model.instance import Instance, Record
from orchestrator.planning import course, fabrics, groundwork
from orchestrator.planning.course import Course
from orchestrator.planning.groundwork import Groundwork
from orchestrator.ports.store import Run
from orchestrator.ports.writes import Resource, Write
from orchestrator.services.app import App
from orchestrator.services.observe import Observation, observe

KIND = "fabric"
TRIES = 5


def groups(app: App, wish: desired.Desired | None = None) -> dict[str, desired.SecurityGroup]:
    """Every security group by name: as the playbook says, else as it was recorded."""
    recorded = {each.name: _group(json.loads(each.body)) for each in app.store.resources("security_group")}
    return recorded | dict(wish.security_groups if wish else {})


def _group(body: dict[str, object]) -> desired.SecurityGroup:
    rules = body["rules"]
    assert isinstance(rules, list)  # noqa: S101  # as it was written
    return desired.SecurityGroup(str(body["name"]), tuple(desired.Rule(**rule) for rule in rules))


def networks(app: App, wish: desired.Desired | None = None) -> dict[str, desired.Network]:
    """Every network by name: as the playbook says, else as it was recorded."""
    recorded = {each.name: _network(json.loads(each.body)) for each in app.store.resources("network")}
    return recorded | dict(wish.networks if wish else {})


def _network(body: dict[str, object]) -> desired.Network:
    subnets = body["subnets"]
    assert isinstance(subnets, list)  # noqa: S101  # as it was written
    return desired.Network(**{**body, "subnets": tuple(_subnet(each) for each in subnets)})  # type: ignore[arg-type]  # its own fields


def _subnet(body: dict[str, object]) -> desired.Subnet:
    return desired.Subnet(**{name: _tuples(value) for name, value in body.items()})  # type: ignore[arg-type]  # its own fields


def _tuples(value: object) -> object:
    return tuple(_tuples(each) for each in value) if isinstance(value, list) else value


def of(app: App, instances: Sequence[Instance], wish: desired.Desired | None = None) -> dict[str, Fabric]:
    """The fabric of every host of the inventory that has one, or had one."""
    world = fabrics.World(app.store.lineage, instances, groups(app, wish), app.inventory.hosts, networks(app, wish))
    names = {instance.host for instance in instances} | {name for name, digest in _known(app).items() if digest}
    return {name: fabrics.of(world, name) for name in app.inventory.hosts if name in names}


def _known(app: App) -> dict[str, str]:
    return {each.name: each.body for each in app.store.resources(KIND)}


def concerned(app: App, made: Mapping[str, Fabric]) -> set[str]:
    """Hosts that are not known to have this fabric."""
    known = _known(app)
    return {name for name, fabric in made.items() if fabrics.digest(fabric) != known.get(name, "")}


def look(
    app: App, hosts: Sequence[Host], records: Sequence[Record], run: Run, more: Mapping[str, Sequence[Key]] = MappingProxyType({})
) -> tuple[dict[str, Fabric], dict[str, Observation]]:
    """The fabrics, and what was seen of the hosts. The fabrics were the same after the look: what another run has put on a host by now was in its
    records before, so that nothing that was seen is taken for left over. `more`: what else to see, by host. Raises Conflict when they keep changing.
    """
    for _ in range(TRIES):
        made = of(app, _instances(app))
        asked = needs(made)
        seen = observe(app, hosts, records, run, asked | {name: (*asked.get(name, ()), *keys) for name, keys in more.items()})
        if of(app, _instances(app)) == made:
            return made, seen
    raise changing()


def needs(made: Mapping[str, Fabric]) -> dict[str, tuple[Key, ...]]:
    """Every fact that the fabrics' steps look at, by host."""
    return {name: groundwork.needs(fabric) for name, fabric in made.items()}


def changing() -> errors.Conflict:
    """Other runs record something new whenever this one has looked."""
    return errors.Conflict(
        "what the hosts share keeps changing", why="other runs place or change instances all the time", hint="run it again"
    )


def _instances(app: App) -> list[Instance]:
    return [record.instance for record in app.store.records()]


def chart(made: Mapping[str, Fabric], seen: Mapping[str, Observation]) -> dict[str, Groundwork]:
    """The groundwork of the hosts that were seen."""
    there = (name for name in made if name in seen and not seen[name].error)
    return {name: groundwork.chart(made[name], seen[name].facts) for name in there}


def without(
    app: App,
    courses: Sequence[Course],
    seen: Mapping[str, Observation],
    instances: Sequence[Instance] = (),
    wish: desired.Desired | None = None,
) -> dict[str, Groundwork]:
    """What there is to do on hosts once courses that end their instances have ended well: it comes last.

    Whatever was seen on a host was recorded before, so that nothing is taken for left over. Nothing is said of a host of which not enough was seen, nor
    of one with a course that has a problem, or shares something, or ends a guest whose taps libvirt names.
    `instances`: all of them as they are to be, where that is not what is recorded; `wish`: the playbook that says so.
    """
    there: dict[str, list[Course]] = {}
    for each in courses:
        there.setdefault(each.record.instance.host, []).append(each)
    gone = {each.record.instance.uuid for each in courses if not each.problem}
    made = of(app, [instance for instance in instances or _instances(app) if instance.uuid not in gone], wish)
    found: dict[str, Groundwork] = {}
    for name, fabric in made.items():
        own = there.get(name, ())
        alone = own and not any(each.problem or any(leg.shares for leg in each.legs) or _unforeseen(each) for each in own)
        if alone and all(key in seen[name].facts for key in groundwork.needs(fabric)):
            charted = groundwork.chart(fabric, course.after(own, seen[name].facts))
            found |= {} if charted.problem else {name: structs.replace(charted, last=True)}
    return found


def _unforeseen(course: Course) -> bool:
    """Whether it ends a guest whose taps libvirt names: what these were plugged into is seen to be free only once they are gone."""
    return not all(port.tap for port in course.record.instance.ports)


def noted(app: App, charted: Iterable[Groundwork]) -> list[Write]:
    """That hosts were seen to have their fabric, where that was not known."""
    known = _known(app)
    found = ((each.fabric.host, fabrics.digest(each.fabric)) for each in charted if not each.changes)
    return [Resource(KIND, host, digest) for host, digest in found if digest != known.get(host, "")]


def follow(app: App, context: Context, number: int, left: Set[str]) -> dict[str, Outcome]:
    """What the run's own changes ask of hosts now that they are made: what nothing needs any more goes. `left`: hosts to leave alone."""
    made = of(app, _instances(app))
    hosts = [app.inventory.hosts[name] for name in made if name in concerned(app, made) - left]
    if not hosts or context.stopping.is_set():
        return {}
    made, seen = look(app, hosts, (), context.run)
    charted = chart(made, seen)
    if writes := noted(app, charted.values()):
        app.store.commit(context.run, writes)
    lost = {name: Outcome("", name, "", "unreachable", fault=str(each.error)) for name, each in seen.items() if each.error}
    changing = [each for each in charted.values() if each.changes]

    def run(ground: Groundwork) -> tuple[Outcome, ...]:
        name = ground.fabric.host
        return runner.execute(context, app.inventory.hosts[name], (), f"{context.run.id}-{name}-{number}", ground)

    with futures.ThreadPoolExecutor(max(1, min(app.forks, len(changing)))) as pool:
        found = [outcome for outcomes in pool.map(run, changing) for outcome in outcomes]
    return lost | {outcome.host: outcome for outcome in found}


def merged(earlier: Mapping[str, Outcome], later: Mapping[str, Outcome]) -> dict[str, Outcome]:
    """Outcomes by host, steps summed up."""
    added = {
        name: structs.replace(outcome, steps=outcome.steps + earlier[name].steps) for name, outcome in later.items() if name in earlier
    }
    return {**earlier, **later, **added}
