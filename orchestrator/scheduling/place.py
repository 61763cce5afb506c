"""Instances onto hosts: scheduling and binding together, each claim seen by the next."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import Struct, field, structs

from orchestrator.facts.gather import Facts
from orchestrator.model import errors
from orchestrator.model.decision import Decision
from orchestrator.model.desired import Desired, InstanceRequest
from orchestrator.model.host import Capacity, Host
from orchestrator.model.instance import Instance, Record
from orchestrator.model.scheduler import Options
from orchestrator.model.volume import Volume
from orchestrator.ports.store import Placement, Snapshot
from orchestrator.scheduling import bind, host_state, pick
from orchestrator.scheduling.addresses import Taken

NOWHERE = Capacity("", "", 0, 0, 0, 0, "")
"""Of a host that did not answer and was never seen."""


class Site(Struct, frozen=True):
    """A host where instances may be placed; `problem`: why it did not answer. `failed_builds` there since the last that did not."""

    host: Host
    facts: Facts = field(default_factory=dict)
    capacity: Capacity = NOWHERE
    problem: str = ""
    failed_builds: int = 0


class Refused(Struct, frozen=True):
    """A request that no host can take."""

    request: InstanceRequest
    error: errors.NoValidHost


Asked = Callable[[Sequence[host_state.HostState], host_state.Request], None]


def place(
    requests: Sequence[InstanceRequest],
    desired: Desired,
    sites: Sequence[Site],
    lineage: str,
    seen: Snapshot,
    *,
    options: Options,
    anew: bool = True,
    asked: Asked = lambda states, request: None,
) -> tuple[tuple[Placement, ...], tuple[Refused, ...]]:
    """A placement for each request in order, as far as there is room, and the rest.

    A request for an instance that is recorded moves it to another host: its own failed to build it, and nothing of it is left there. `anew`: when
    no other can take it, or enough failed, those that did are asked again. `asked` is told of each request, and the hosts as they are by then.
    Raises Conflict for an address or a volume that is taken.
    """
    facts, wanted = {site.host.name: site.facts for site in sites}, {request.name for request in requests}
    moved = {record.instance.name: record for record in seen.records if record.instance.name in wanted}
    staying = [record for record in seen.records if record.instance.name not in moved]
    here = _Here(desired, seen, pick.Fleet(_states(sites, staying), options))
    for each in staying:
        here.note(each.instance)
    for leaving in moved.values():
        here.taken.add(leaving.instance.ports)  # they keep their addresses
    made: list[Placement] = []
    refused: list[Refused] = []
    number = seen.next_number
    hinted = {name for request in requests for name in _named(request)}
    for request in sorted(requests, key=lambda each: each.name not in hinted):  # whom others are to be near, or apart from, goes first
        record: Record | None = moved.get(request.name)
        own = here.volumes(request, record)
        mine = number_of(record.instance) if record else number
        try:
            wish = here.request(request, own, _tried(record, options, anew))
            decision = _decided(here.fleet, wish, f"{lineage}/{mine}", anew, asked)
        except errors.NoValidHost as error:
            refused.append(Refused(request, error))
            continue
        number += record is None
        to = bind.Binding(desired, lineage, mine, here.fleet.state(decision.host), facts[decision.host], here.taken, own)
        instance = bind.bind(request, to, record.instance.ports if record else ())
        here.fleet.claim(instance)
        here.note(instance)
        changed = tuple(each.volume for each in instance.volumes if each.volume != own[each.volume.name])
        made.append(Placement(instance, request.state, decision, changed))
    return tuple(made), tuple(refused)


def _tried(record: Record | None, options: Options, anew: bool) -> tuple[str, ...]:
    """Hosts that are not to be asked."""
    failed = record.decision.tried if record else ()
    return () if anew and len(failed) >= options.max_attempts else failed


def _decided(fleet: pick.Fleet, wish: host_state.Request, seed: str, anew: bool, asked: Asked) -> Decision:
    asked(fleet.states, wish)
    try:
        return fleet.pick(wish, seed)
    except errors.NoValidHost:
        if not (anew and wish.tried):
            raise
        return _decided(fleet, structs.replace(wish, tried=()), seed, anew, asked)


def number_of(instance: Instance) -> int:
    """The instance's number, which its domain's name says."""
    return int(instance.domain.rpartition("-")[2], 16)


def _named(wish: InstanceRequest) -> list[str]:
    """Instances that its hints name."""
    return [
        name.strip() for hint in ("same_host", "different_host") for name in wish.scheduler_hints.get(hint, "").split(",") if name.strip()
    ]


def _states(sites: Sequence[Site], staying: Iterable[Record]) -> list[host_state.HostState]:
    there: dict[str, list[Record]] = {site.host.name: [] for site in sites}
    for record in staying:
        if record.instance.host in there:
            there[record.instance.host].append(record)
    return [host_state.of(site.host, site.capacity, there[site.host.name], site.failed_builds, site.problem) for site in sites]


class _Here:
    """What the next request sees of those before it, and of what is recorded."""

    def __init__(self, desired: Desired, seen: Snapshot, fleet: pick.Fleet) -> None:
        self.fleet = fleet
        self.taken = Taken()
        self._desired = desired
        self._known = {record.volume.name: record for record in seen.volumes}
        self._names = {record.instance.uuid: record.instance.name for record in seen.records}
        self._homes: dict[str, str] = {}
        self._groups: dict[str, set[str]] = {}

    def note(self, instance: Instance) -> None:
        """It is there."""
        self.taken.add(instance.ports)
        self._homes[instance.name] = instance.host
        if instance.server_group:
            self._groups.setdefault(instance.server_group, set()).add(instance.host)

    def request(self, wish: InstanceRequest, own: Mapping[str, Volume], tried: tuple[str, ...]) -> host_state.Request:
        """What hosts are asked for."""
        group = self._desired.server_groups[wish.server_group] if wish.server_group else None
        hinted = _named(wish)
        return host_state.Request(
            wish,
            self._desired.flavors[wish.flavor],
            {port.network: self._desired.networks[port.network] for port in wish.networks},
            tuple(own.values()),
            bind.image(wish, self._desired, own),
            group,
            frozenset(self._groups.get(group.name, ())) if group and group.policy == "affinity" else frozenset(),
            {name: self._homes[name] for name in hinted if name in self._homes},
            tried,
        )

    def volumes(self, wish: InstanceRequest, record: Record | None) -> dict[str, Volume]:
        """The volumes of the wish by name. Raises Conflict for one that is another instance's, or not made."""
        mine = {each.volume.name for each in record.instance.volumes} if record else set()
        for name in wish.volumes:
            found = self._known.get(name)
            if name not in mine and (found is None or found.status != "available"):
                status = f"it is {found.status}" if found else "it is not recorded"
                why = f"{status}, by instance {self._names.get(found.instance)!r}" if found and found.instance else status
                raise errors.Conflict(
                    f"volume {name!r} of instance {wish.name!r} cannot be had", wish.where, why, "see `orchestrator get volumes`"
                )
        return {name: self._known[name].volume for name in wish.volumes}
