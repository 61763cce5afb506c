"""New instances onto hosts: scheduling and binding together, each claim seen by the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.facts.gather import Facts
from orchestrator.model import errors
from orchestrator.model.desired import Desired, InstanceRequest
from orchestrator.model.host import Capacity, Host
from orchestrator.model.instance import Instance
from orchestrator.model.volume import Volume
from orchestrator.ports.store import Placement, Snapshot
from orchestrator.scheduling import bind, host_state, pick


@dataclass(frozen=True, slots=True)
class Site:
    """A host that answered: where instances may be placed."""

    host: Host
    facts: Facts
    capacity: Capacity


def place(
    requests: Sequence[InstanceRequest], desired: Desired, sites: Sequence[Site], lineage: str, seen: Snapshot
) -> tuple[Placement, ...]:
    """A placement for every request, in order. Raises NoValidHost, Conflict."""
    facts = {site.host.name: site.facts for site in sites}
    existing = [record.instance for record in seen.records]
    states = {site.host.name: _state(site, existing) for site in sites}
    made: list[Placement] = []
    for request in requests:
        instances = [*existing, *(each.instance for each in made)]
        networks = {wish.network: desired.networks[wish.network] for wish in request.networks}
        own = _volumes(request, seen)
        wish = host_state.Request(request, desired.flavors[request.flavor], networks, tuple(own.values()))
        decision = pick.pick([states[name] for name in request.hosts if name in states], wish)
        name = decision.state.host.name
        states[name] = decision.state.claim(wish.flavor)
        binding = bind.Binding(
            desired, lineage, seen.next_number + len(made), decision.state, facts[name], _fixed_ips(instances), _macs(instances), own
        )
        instance = bind.bind(request, binding)
        moved = tuple(each.volume for each in instance.volumes if each.volume != own[each.volume.name])
        made.append(Placement(instance, request.state, decision.why, moved))
    return tuple(made)


def _volumes(request: InstanceRequest, seen: Snapshot) -> dict[str, Volume]:
    """The volumes of the wish by name. Raises Conflict for one that is another instance's, or not made."""
    known = {record.volume.name: record for record in seen.volumes}
    homes = {record.instance.uuid: record.instance.name for record in seen.records}
    for name in request.volumes:
        found = known.get(name)
        if found is None or found.status != "available":
            status = f"it is {found.status}" if found else "it is not recorded"
            why = f"{status}, by instance {homes.get(found.instance)!r}" if found and found.instance else status
            raise errors.Conflict(
                f"volume {name!r} of instance {request.name!r} cannot be had", request.where, why, "see `orchestrator get volumes`"
            )
    return {name: known[name].volume for name in request.volumes}


def _state(site: Site, existing: Sequence[Instance]) -> host_state.HostState:
    return host_state.of(site.host, site.capacity, [each.flavor for each in existing if each.host == site.host.name])


def _fixed_ips(instances: Sequence[Instance]) -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for port in (port for each in instances for port in each.ports):
        found.setdefault(port.network, set()).update(port.fixed_ips)
    return {network: frozenset(addresses) for network, addresses in found.items()}


def _macs(instances: Sequence[Instance]) -> frozenset[str]:
    return frozenset(port.mac for each in instances for port in each.ports)
