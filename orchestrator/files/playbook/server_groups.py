"""Server groups and hints: what can be meant, and what they become."""

from __future__ import annotations

from msgspec import to_builtins

from orchestrator.files.playbook import catalog, entries, findings, hints
from orchestrator.model import desired


def server_groups(all_entries: catalog.Catalog) -> dict[str, desired.ServerGroup]:
    """The groups by name; anti-affinity takes one member a host unless its rules say more."""
    return {
        entry.name: desired.ServerGroup(entry.name, entry.policy, entry.rules.max_server_per_host or 1)
        for entry, _ in catalog.entries_of(all_entries, "server_groups", hints.ServerGroupEntry)
    }


def of_instance(entry: entries.InstanceEntry) -> str | None:
    """The server group of an instance, whichever of its two words says it."""
    return entry.server_group or entry.scheduler_hints.group


def scheduler_hints(entry: entries.InstanceEntry) -> dict[str, str]:
    """Its other hints, each one text: names with commas between, a query as JSON."""
    said = to_builtins(entry.scheduler_hints)
    return {key: value if isinstance(value, str) else ",".join(value) for key, value in said.items() if key != "group"}


def check(all_entries: catalog.Catalog, found: findings.Findings) -> None:
    """Notes rules that no policy is held to, and instances that contradict themselves."""
    for group, declared in catalog.entries_of(all_entries, "server_groups", hints.ServerGroupEntry):
        if group.rules.max_server_per_host is not None and group.policy != "anti-affinity":
            what = f"rules.max_server_per_host in server group '{group.name}'"
            place = declared.place("rules", "max_server_per_host")
            found.add(place, what, f"is for the policy anti-affinity, not {group.policy}", "leave it out")
    for entry, declared in catalog.entries_of(all_entries, "instances", entries.InstanceEntry):
        said = entry.scheduler_hints
        if said.group is not None and entry.server_group not in (None, said.group):
            what = f"scheduler_hints.group '{said.group:.64}' in instance '{entry.name}'"
            found.add(declared.place("scheduler_hints", "group"), what, f"server_group is '{entry.server_group:.64}'", "leave one out")
        if said.cidr is not None and said.build_near_host_ip is None and not declared.spoiled("scheduler_hints"):
            what, why = f"scheduler_hints.cidr in instance '{entry.name}'", "there is no build_near_host_ip that it could be of"
            found.add(declared.place("scheduler_hints", "cidr"), what, why, "add build_near_host_ip")
        for name in {*(said.same_host or ()), *(said.different_host or ())} & {entry.name}:
            what = f"scheduler_hints in instance '{entry.name}'"
            found.add(declared.place("scheduler_hints"), what, f"names '{name}' itself", "name other instances")
