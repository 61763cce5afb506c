"""What is likely to be asked of hosts once instances are placed: asked in the look that placing waits for, it takes no second one.

Only a guess: from what was last seen of the hosts, the instances are placed as they would be then. Nothing but the facts to read comes of it; what
turns out otherwise is looked at again.
"""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.facts import link, ovs
from orchestrator.facts.gather import Key
from orchestrator.model import errors
from orchestrator.model.desired import Desired, InstanceRequest
from orchestrator.model.host import Capacity, Host
from orchestrator.model.instance import Instance
from orchestrator.planning import course, groundwork
from orchestrator.ports.store import Snapshot
from orchestrator.scheduling import place
from orchestrator.services import grounds
from orchestrator.services.app import App

AMPLE = Capacity("", "", 1 << 10, 1 << 22, 1 << 16, 1 << 16, "qemu")
"""Stands for a host while none was ever seen; once one was, hosts never seen are taken to be like it."""


def keys(app: App, new: Sequence[InstanceRequest], desired: Desired, seen: Snapshot, anew: bool) -> dict[str, tuple[Key, ...]]:
    """By host: facts that the new instances there, and what they share with others, will be planned on. `seen` and `anew` as of `place`."""
    placed = _placed(app, new, desired, seen, anew)
    if not placed:
        return {}
    names = {instance.name for instance in placed}
    staying = [record.instance for record in seen.records if record.instance.name not in names]
    fabrics = grounds.of(app, [*staying, *placed], desired)
    found: dict[str, list[Key]] = {}
    for instance in placed:
        found.setdefault(instance.host, []).extend(course.needs(instance))
    return {name: (*own, *groundwork.needs(fabrics[name]), *_switches(app.inventory.hosts[name], desired)) for name, own in found.items()}


def _placed(app: App, new: Sequence[InstanceRequest], desired: Desired, seen: Snapshot, anew: bool) -> list[Instance]:
    known, failed = app.store.capacities(), app.store.failed_builds()
    other = next(iter(known.values()), AMPLE)
    hosts = [app.inventory.hosts[name] for name in dict.fromkeys(name for wish in new for name in wish.hosts)]
    sites = [place.Site(host, _devices(host), known.get(host.name, other), "", failed.get(host.name, 0)) for host in hosts]
    try:
        placements, _ = place.place(new, desired, sites, app.store.lineage, seen, options=app.scheduler, anew=anew)
    except errors.OrchestratorError:  # whether it stands is for those to say who place by what they see
        return []
    return [placement.instance for placement in placements]


def _devices(host: Host) -> dict[Key, object]:
    """Physical networks lead to interfaces: then more is to be known than where they lead to bridges."""
    return {link.Key(name): link.Link("", None, True) for name in host.physical_networks.values()}


def _switches(host: Host, desired: Desired) -> tuple[Key, ...]:
    """Unless these are Open vSwitch bridges; whatever is asked of that, one answer tells all."""
    there = any(network.driver == "openvswitch" for network in desired.networks.values())
    return tuple(ovs.Bridge(name) for name in host.physical_networks.values()) if there else ()
