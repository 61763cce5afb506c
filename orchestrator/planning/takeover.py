"""Which guests of a host can be taken over, and why others cannot: a pure function of what is recorded and what was seen, in three looks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TypeVar

from msgspec import Struct

from orchestrator.facts import definition, others
from orchestrator.facts.gather import Facts, Key
from orchestrator.model.desired import Network
from orchestrator.model.host import Host
from orchestrator.model.instance import Instance
from orchestrator.planning import adoption, forgotten
from orchestrator.planning.adoption import Shape, Surroundings, UnfitError
from orchestrator.ports.store import Snapshot
from orchestrator.ports.writes import Inherit

T = TypeVar("T")
OFF = ("shut off", "crashed", "")


class Candidate(Struct, frozen=True):
    """A guest that can be taken over. `state` is what it is recorded in; `forgotten`: it was ours before, and bears our mark."""

    instance: Instance
    state: str
    forgotten: bool


class Left(Struct, frozen=True):
    """A domain that is left alone, and why."""

    name: str
    uuid: str
    why: str


class Ground(Struct, frozen=True):
    """What candidates are held against. `there` is what the first look found that no record knows."""

    host: Host
    lineage: str
    known: Snapshot
    there: others.Others
    networks: Mapping[str, Network]
    groups: Collection[str]
    server_groups: Collection[str]

    @property
    def domains(self) -> dict[str, others.Domain]:
        """By uuid."""
        return {each.uuid: each for each in self.there.domains}

    @property
    def ours(self) -> tuple[str, ...]:
        """Uuids of those that bear a mark, and of directories without a domain."""
        marked = [each.uuid for each in self.there.domains if each.lineage]
        return (*marked, *(each for each in self.there.directories if not each.endswith("_del") and each not in self.domains))

    @property
    def foreign(self) -> tuple[str, ...]:
        """Uuids of those that others made, as far as they last."""
        return tuple(each.uuid for each in self.there.domains if not each.lineage and each.persistent)


def second(ground: Ground) -> tuple[Key, ...]:
    """What the second look is for: what our instances are said to be, and what the others are defined as."""
    return (*(forgotten.key(ground.host, uuid) for uuid in ground.ours), *map(definition.Key, ground.foreign))


def third(ground: Ground, facts: Facts) -> tuple[Key, ...]:
    """What the third look is for: the parts of both."""
    ours, shapes, _ = _read(ground, facts)
    return (*forgotten.drives(ours.values()), *dict.fromkeys(key for each in shapes.values() for key in each.keys))


def _read(ground: Ground, facts: Facts) -> tuple[dict[str, Instance], dict[str, Shape], dict[str, str]]:
    """By uuid: instances of ours, others' shapes, and why some are neither."""
    unfit = {
        each.uuid: "libvirt forgets it once it is off: it is transient"
        for each in ground.there.domains
        if not each.lineage and not each.persistent
    }
    ours = _each(ground.ours, lambda uuid: forgotten.read(ground.host, uuid, facts), unfit)
    return ours, _each(ground.foreign, lambda uuid: _shape(uuid, facts), unfit), unfit


def _each(uuids: Sequence[str], make: Callable[[str], T], unfit: dict[str, str]) -> dict[str, T]:
    found = {}
    for uuid in uuids:
        try:
            found[uuid] = make(uuid)
        except UnfitError as why:
            unfit[uuid] = str(why)
    return found


def _shape(uuid: str, facts: Facts) -> Shape:
    found = facts[definition.Key(uuid)]
    if not isinstance(found, definition.Definition):
        raise UnfitError("it went away meanwhile")
    return adoption.shape(uuid, found)


def settle(ground: Ground, facts: Facts, names: Collection[str] = ()) -> tuple[tuple[Candidate, ...], tuple[Left, ...], Inherit]:
    """Who can be taken over, who is left alone, and what the store is and counts from then on. `names`: of these alone (domains, uuids, instances)."""
    ours, shapes, unfit = _read(ground, facts)
    domains = ground.domains

    def asked(uuid: str, *more: str) -> bool:
        known = domains.get(uuid)
        return not names or bool({uuid, known.name if known else "", *more} & set(names))

    ours = {uuid: each for uuid, each in ours.items() if asked(uuid, each.name)}
    shapes = {uuid: each for uuid, each in shapes.items() if asked(uuid)}
    lineage, strangers = _lineage(ground, ours)
    unfit |= strangers
    whole = {uuid: each for uuid, each in ours.items() if uuid not in unfit}
    inherit = _inherit(ground.known, lineage, whole)
    taken = _Taken(ground)
    found = _each(tuple(whole), lambda uuid: taken.checked(_remembered(ground, whole[uuid], facts, lineage)), unfit)
    made = _each(tuple(shapes), lambda uuid: taken.checked(_bound(ground, shapes[uuid], facts, inherit, taken)), unfit)
    candidates = [Candidate(each, "STOPPED" if _state(domains, uuid) in OFF else "ACTIVE", True) for uuid, each in found.items()]
    candidates += [Candidate(each, shapes[uuid].state, False) for uuid, each in made.items()]
    candidates.sort(key=lambda each: each.instance.name)
    left = (Left(domains[uuid].name if uuid in domains else uuid, uuid, why) for uuid, why in unfit.items() if asked(uuid))
    return tuple(candidates), tuple(sorted(left, key=lambda each: (each.name, each.uuid))), inherit


def _state(domains: Mapping[str, others.Domain], uuid: str) -> str:
    return domains[uuid].state if uuid in domains else ""


def _lineage(ground: Ground, ours: Mapping[str, Instance]) -> tuple[str, dict[str, str]]:
    """Which store ours is from then on; and those that are another one's."""
    strange = sorted({each.lineage for each in ours.values()} - {ground.lineage})
    if len(strange) == 1 and blank(ground.known):
        return strange[0], {}
    why = (
        "they are of several stores: name those of one"
        if blank(ground.known)
        else "only an empty store (--state) goes on where another left off"
    )
    return ground.lineage, {
        uuid: f"it is of another store, {each.lineage}: {why}" for uuid, each in ours.items() if each.lineage in strange
    }


def blank(known: Snapshot) -> bool:
    """Whether the store never had anything of its own."""
    return not (known.records or known.volumes) and (known.next_number, known.next_volume) == (1, 1)


def _inherit(known: Snapshot, lineage: str, ours: Mapping[str, Instance]) -> Inherit:
    """With forgotten ones, there may be more on other hosts: their numbers are left out."""
    if not ours:
        return Inherit(lineage, known.next_number, known.next_volume)
    highest = max(known.next_number - 1, *map(forgotten.number, ours.values()))
    return Inherit(lineage, forgotten.after(highest), forgotten.after(known.next_volume - 1))


class _Taken:
    """What instances and volumes have, each once; how many volumes came to be; the networks that are known by name."""

    def __init__(self, ground: Ground) -> None:
        known = ground.known
        self.networks = {**ground.networks, **{name: each for record in known.records for name, each in record.instance.networks.items()}}
        self.claims = {claim: record.instance.name for record in known.records for claim in _claims(record.instance)}
        self.volumes = {each.volume.name: each.volume for each in known.volumes}
        self._statuses = {each.volume.id: each.status for each in known.volumes}
        self.added = 0

    def checked(self, instance: Instance) -> Instance:
        """The instance, from now on among them. Raises UnfitError when somebody has what it has."""
        for claim in _claims(instance):
            if claim in self.claims:
                raise UnfitError(f"{claim} is taken: instance {self.claims[claim]!r} has it")
        for each in instance.volumes:
            known, status = self.volumes.get(each.volume.name), self._statuses.get(each.volume.id, "available")
            if status != "available" or (known and known.id != each.volume.id):
                raise UnfitError(f"a volume {each.volume.name!r} is recorded already, and {status}")
        self.claims |= dict.fromkeys(_claims(instance), instance.name)
        self.volumes |= {each.volume.name: each.volume for each in instance.volumes}
        self._statuses |= {each.volume.id: "in-use" for each in instance.volumes}
        self.added += len(instance.volumes)
        self.networks = {**instance.networks, **self.networks}
        return instance


def _claims(instance: Instance) -> Iterator[str]:
    yield from (f"name {instance.name!r}", f"domain name {instance.domain!r}")
    for port in instance.ports:
        yield f"MAC address {port.mac.lower()}"
        yield from (f"fixed IP {ip.lower()} of network {port.network!r}" for ip in port.fixed_ips)


def _remembered(ground: Ground, found: Instance, facts: Facts, lineage: str) -> Instance:
    mark = ground.domains[found.uuid].lineage if found.uuid in ground.domains else found.lineage
    if mark != found.lineage:
        raise UnfitError(f"its domain is marked by another store, {mark}, than what lies beside its disks")
    forgotten.check(found, ground.groups, ground.server_groups, lineage == ground.lineage)
    return forgotten.whole(found, facts)


def _bound(ground: Ground, found: Shape, facts: Facts, inherit: Inherit, taken: _Taken) -> Instance:
    names = {claim.removeprefix("name ").strip("'") for claim in taken.claims if claim.startswith("name ")}
    to = Surroundings(ground.host, inherit.lineage, taken.networks, names, taken.volumes, inherit.next_volume + taken.added)
    return adoption.bind(found, to, facts)
