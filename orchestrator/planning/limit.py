"""Only part of what is desired: what is, or may be placed, on certain hosts."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Iterable, Set

from msgspec import structs

from orchestrator.model import errors
from orchestrator.model.desired import Desired, InstanceRequest
from orchestrator.model.instance import Record


def narrow(desired: Desired, records: Iterable[Record], hosts: Set[str]) -> Desired:
    """What concerns `hosts`: instances that are there, and new ones that may be placed there, and nowhere else. Raises NotFound when nothing does."""
    homes = {record.instance.name: record.instance.host for record in records}
    kept = {name: found for name, wish in desired.instances.items() if (found := _kept(wish, homes.get(name), hosts))}
    if desired.instances and not kept:
        raise errors.NotFound("--limit leaves no instance", why=f"none is, or may be, on {', '.join(sorted(hosts))}")
    return structs.replace(desired, instances=kept)


def only(desired: Desired, records: Iterable[Record], names: Set[str], hosts: Set[str]) -> Desired:
    """The instances called `names`, and those that are on `hosts`. Raises NotFound when there are none."""
    homes = {record.instance.name: record.instance.host for record in records}
    kept = {name: wish for name, wish in desired.instances.items() if name in names or homes.get(name) in hosts}
    if not kept:
        raise errors.NotFound("--limit @failed leaves no instance", why="what the last run left undone is not in these playbooks")
    return structs.replace(desired, instances=kept)


def start_at(desired: Desired, pattern: str) -> Desired:
    """The first instance that the pattern names, and those after it (as Ansible's --start-at-task: a name, or shell wildcards). Raises NotFound."""
    names = list(desired.instances)
    first = next((number for number, name in enumerate(names) if name == pattern or fnmatch.fnmatchcase(name, pattern)), None)
    if first is None:
        near = difflib.get_close_matches(pattern, names, 1)
        hint = f"did you mean {near[0]!r}?" if near else ""
        raise errors.NotFound(f"--start-at {pattern!r} names no instance", why="none of the playbooks' is called so", hint=hint)
    return structs.replace(desired, instances={name: desired.instances[name] for name in names[first:]})


def _kept(wish: InstanceRequest, home: str | None, hosts: Set[str]) -> InstanceRequest | None:
    if home is not None:
        return wish if home in hosts else None
    allowed = tuple(name for name in wish.hosts if name in hosts)
    return structs.replace(wish, hosts=allowed) if allowed else None
