"""What a playbook may not say of what exists: told before anything is planned, all of it at once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import msgspec

from orchestrator.model import errors
from orchestrator.model.desired import Desired
from orchestrator.model.instance import Record
from orchestrator.planning import compare
from orchestrator.planning.changes import FIXED
from orchestrator.ports.store import Snapshot
from orchestrator.scheduling import host_state
from orchestrator.services.app import App
from orchestrator.services.edits import Edits


def check(app: App, seen: Snapshot, desired: Desired, edits: Edits) -> None:
    """Raises SpecErrors. `seen` is what is recorded, `edits` what the playbook changes of it."""
    found = [*_changes(desired, edits), *_networks(seen, desired), *_policies(app, seen, desired)]
    if found:
        raise errors.SpecErrors(found)


def _changes(desired: Desired, edits: Edits) -> Iterator[errors.SpecError]:
    """Instances of which something is to be otherwise that is fixed for their life."""
    for name, found in edits.items():
        fixed = [f"{edit.field}: {edit.was} -> {edit.will}" for edit in found if edit.kind is FIXED]
        if fixed:
            hint = "put the old value back, or destroy the instance first"
            yield errors.SpecError(f"instance {name!r} exists otherwise", desired.instances[name].where, "; ".join(fixed), hint)


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


def room(app: App, seen: Snapshot, wished: Snapshot, desired: Desired) -> None:
    """Raises SpecErrors for flavors that are to be larger than their host has room for, as far as it was ever seen. `wished`: `seen` as it is to be."""
    found = [*_growth(app, seen, wished, desired)]
    if found:
        raise errors.SpecErrors(found)


def _growth(app: App, seen: Snapshot, wished: Snapshot, desired: Desired) -> Iterator[errors.SpecError]:
    old = {each.instance.uuid: _claims(each) for each in seen.records}
    grown = {each.instance.uuid: larger for each in wished.records if (larger := _larger(old[each.instance.uuid], _claims(each)))}
    there: dict[str, list[Record]] = {each.instance.host: [] for each in wished.records if each.instance.uuid in grown}
    for each in wished.records:
        there.get(each.instance.host, []).append(each)
    for each in wished.records:
        host, capacity = app.inventory.hosts.get(each.instance.host), seen.capacities.get(each.instance.host)
        if each.instance.uuid not in grown or not (host and capacity):
            continue
        state = host_state.of(host, capacity, there[host.name])
        rooms = {
            "vcpus": ("vcpus", int(capacity.vcpus * host.cpu_allocation_ratio), state.vcpus),
            "ram": ("MiB of memory", int((capacity.memory_mb - host.reserved_memory_mb) * host.ram_allocation_ratio), state.ram),
            "disk": ("GiB of disk", int(capacity.disk_gb * host.disk_allocation_ratio), state.disk),
        }
        for what in grown[each.instance.uuid]:
            unit, total, claimed = rooms[what]
            if claimed > total:
                where = desired.instances[each.instance.name].where
                why = f"host {host.name} has {total} {unit}, and its instances would have {claimed}"
                yield errors.SpecError(f"instance {each.instance.name!r} cannot have a larger flavor ({what})", where, why, "ask for less")


def _claims(record: Record) -> dict[str, int]:
    flavor = record.instance.flavor
    return {"vcpus": flavor.vcpus, "ram": flavor.ram, "disk": host_state.disk_gb(flavor)}


def _larger(old: Mapping[str, int], new: Mapping[str, int]) -> list[str]:
    return [what for what in new if new[what] > old[what]]
