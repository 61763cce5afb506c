"""Plays as far as they say how their instances are worked off: what these notify is there, and what it all becomes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import structs

from orchestrator.files.playbook import catalog, entries, findings, validation
from orchestrator.model import desired


def check_notify(all_entries: catalog.Catalog, found: findings.Findings) -> None:
    """Notes handlers that an instance notifies and its play does not have."""
    for entry, declared in catalog.entries_of(all_entries, "instances", entries.InstanceEntry):
        known = [handler.name for handler in declared.play.handlers]
        for number, name in enumerate(entry.notify):
            if name not in known:
                hint = validation.near(name, known) or "declare it under handlers of the same play"
                found.add(declared.place("notify", number), f"no handler '{name:.64}' for instance '{entry.name}'", hint=hint)


def worked_off(
    all_entries: catalog.Catalog, instances: Mapping[str, desired.InstanceRequest]
) -> tuple[tuple[desired.Play, ...], dict[str, desired.InstanceRequest]]:
    """The plays that declare instances, in the playbooks' order, and the instances with their places among them."""
    places: dict[int, int] = {}
    made: list[desired.Play] = []
    for play in _plays(all_entries):
        if id(play) not in places:  # two that say the same are two all the same
            places[id(play)] = len(made)
            made.append(_play(play))
    of = {entry.name: places[id(each.play)] for entry, each in catalog.entries_of(all_entries, "instances", entries.InstanceEntry)}
    return tuple(made) or (desired.Play(),), {name: structs.replace(wish, play=of[name]) for name, wish in instances.items()}


def _plays(all_entries: catalog.Catalog) -> Iterator[entries.Play]:
    return (declared.play for _, declared in catalog.entries_of(all_entries, "instances", entries.InstanceEntry))


def _play(play: entries.Play) -> desired.Play:
    return desired.Play(
        name=play.name or "",
        serial=play.serial,
        max_fail_percentage=play.max_fail_percentage,
        any_errors_fatal=play.any_errors_fatal,
        throttle=play.throttle,
        order=play.order,
        handlers=tuple(desired.Handler(each.name, each.command, each.run_once) for each in play.handlers),
    )
