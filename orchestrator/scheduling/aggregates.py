"""What the aggregates of a host say of it together (nova/scheduler/filters/utils.py)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from orchestrator.model.host import Host

Number = TypeVar("Number", int, float)


def values(host: Host) -> Mapping[str, frozenset[str]]:
    """Metadata of all its aggregates: of each key every value, and each may be several with commas between them."""
    found: dict[str, frozenset[str]] = {}
    for each in host.aggregates:
        for key, text in each.metadata.items():
            found[key] = found.get(key, frozenset()) | {part.strip() for part in text.split(",")}
    return found


def texts(host: Host, key: str) -> frozenset[str]:
    """The values of one key as they are written."""
    return frozenset(each.metadata[key] for each in host.aggregates if key in each.metadata)


def least(host: Host, key: str, kind: Callable[[str], Number], otherwise: Number) -> Number:
    """The least of the numbers that its aggregates give the key; `otherwise` when none does, or one of them is no number (as Nova reads them)."""
    try:
        return min(map(kind, texts(host, key)), default=otherwise)
    except ValueError:
        return otherwise
