"""Only part of what is desired: what is, or may be placed, on certain hosts."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Set

from orchestrator.model import errors
from orchestrator.model.desired import Desired, InstanceRequest
from orchestrator.model.instance import Record


def narrow(desired: Desired, records: Iterable[Record], hosts: Set[str]) -> Desired:
    """What concerns `hosts`: instances that are there, and new ones that may be placed there, and nowhere else. Raises NotFound when nothing does."""
    homes = {record.instance.name: record.instance.host for record in records}
    kept = {name: found for name, wish in desired.instances.items() if (found := _kept(wish, homes.get(name), hosts))}
    if desired.instances and not kept:
        raise errors.NotFound("--limit leaves no instance", why=f"none is, or may be, on {', '.join(sorted(hosts))}")
    return dataclasses.replace(desired, instances=kept)


def _kept(wish: InstanceRequest, home: str | None, hosts: Set[str]) -> InstanceRequest | None:
    if home is not None:
        return wish if home in hosts else None
    allowed = tuple(name for name in wish.hosts if name in hosts)
    return dataclasses.replace(wish, hosts=allowed) if allowed else None
