"""Restarts that restart policies made, as the store remembers them: by the instance's uuid, the times of those within its policy's window."""

from __future__ import annotations

import json
from collections.abc import Iterable

from orchestrator.model.instance import Record
from orchestrator.planning import restart
from orchestrator.ports.store import Store
from orchestrator.ports.writes import Forget, Resource, Write

KIND = "restarts"


def attempts(store: Store) -> dict[str, tuple[str, ...]]:
    """Times of restarts (ISO 8601, UTC) by the instance's uuid."""
    return {each.name: tuple(json.loads(each.body)) for each in store.resources(KIND)}


def remembered(record: Record, known: Iterable[str], now: str) -> Write:
    """That it is restarted now: recorded before it is, so that a controller that dies over it counts, too."""
    times = restart.remembered(record.instance.restart_policy, tuple(known), now)
    return Resource(KIND, record.instance.uuid, json.dumps(times))


def forgotten(store: Store, records: Iterable[Record]) -> list[Write]:
    """That an operator started them, or destroys them: they begin anew."""
    known = {each.name for each in store.resources(KIND)}
    return [Forget(KIND, record.instance.uuid) for record in records if record.instance.uuid in known]
