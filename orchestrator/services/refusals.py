"""What a playbook may not say of what exists: told before anything is planned, all of it at once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import msgspec

from orchestrator.model import errors
from orchestrator.model.desired import Desired
from orchestrator.model.instance import Record
from orchestrator.planning import compare
from orchestrator.ports.store import Snapshot
from orchestrator.scheduling import host_state
from orchestrator.services.app import App


def check(app: App, seen: Snapshot, wished: Snapshot, desired: Desired) -> None:
    """Raises SpecErrors. `seen` is what is recorded, `wished` the same with what the playbook changes of it."""
    found = [*_changes(seen, desired), *_networks(seen, desired), *_policies(app, seen, desired), *_growth(app, seen, wished, desired)]
    if found:
        raise errors.SpecErrors(found)


def _changes(seen: Snapshot, desired: Desired) -> Iterator[errors.SpecError]:
    """Instances that are to be made of something else."""
    for record in seen.records:
        wish = desired.instances.get(record.instance.name)
        if wish and wish.state != "absent" and (changed := compare.differences(record.instance, wish, desired)):
            hint = "put the old value back, or destroy the instance first"
            yield errors.SpecError(f"instance {wish.name!r} exists otherwise", wish.where, "; ".join(changed), hint)


def _networks(seen: Snapshot, desired: Desired) -> Iterator[errors.SpecError]:
    """Names of networks that stand for another segment already."""
    wishes = [wish for wish in desired.instances.values() if wish.state != "absent"]
    where = {port.network: wish.where for wish in reversed(wishes) for port in reversed(wish.networks)}
    for name in dict.fromkeys(port.network for wish in wishes for port in wish.networks):
        if why := compare.clash(desired.networks[name], [record.instance for record in seen.records]):
            yield errors.SpecError(f"network {name!r}", where[name], why, "give each network a name and a segment of its own")


def _policies(app: App, seen: Snapshot, desired: Desired) -> Iterator[errors.SpecError]:
    """Server groups of another policy than the one that their members were placed by (Nova's never change)."""
    members = {record.instance.server_group: record.instance.name for record in seen.records if record.instance.server_group}
    for each in app.store.resources("server_group") if members else ():
        wish, before = desired.server_groups.get(each.name), json.loads(each.body)
        now = msgspec.to_builtins(wish) if wish else before
        if each.name in members and now != before:
            where = next((one.where for one in desired.instances.values() if one.server_group == each.name), "")
            why = f"it was {_policy(before)}, and is {_policy(now)}; {members[each.name]!r} was placed by that"
            yield errors.SpecError(f"server group {each.name!r} has members", where, why, "put the old policy back, or name another group")


def _policy(group: Mapping[str, object]) -> str:
    return f"{group['policy']} (max_server_per_host {group['max_server_per_host']})"


def _growth(app: App, seen: Snapshot, wished: Snapshot, desired: Desired) -> Iterator[errors.SpecError]:
    """Root disks that are to grow beyond what their host has, as far as it was ever seen."""
    old = {each.instance.uuid: each.instance.flavor.disk for each in seen.records}
    grown = [each for each in wished.records if each.instance.flavor.disk > old[each.instance.uuid]]
    there: dict[str, list[Record]] = {each.instance.host: [] for each in grown}
    for each in wished.records:
        there.get(each.instance.host, []).append(each)
    for each in grown:
        host, capacity = app.inventory.hosts.get(each.instance.host), seen.capacities.get(each.instance.host)
        if not (host and capacity):
            continue
        claimed, total = host_state.of(host, capacity, there[host.name]).disk, int(capacity.disk_gb * host.disk_allocation_ratio)
        if claimed > total:
            where = desired.instances[each.instance.name].where
            why = f"host {host.name} has {total} GiB, and its instances would have {claimed}"
            yield errors.SpecError(f"the root disk of instance {each.instance.name!r} cannot grow", where, why, "ask for less")
