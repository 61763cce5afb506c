"""Why an instance is where it is: kept with it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from msgspec import Struct, field


class Weight(Struct, frozen=True):
    """What one weigher gave a host: `raw`, then normalised to 0..1 over the hosts that fit, times `multiplier` is what counted."""

    weigher: str
    raw: float
    normalised: float
    multiplier: float

    @property
    def weighted(self) -> float:
        return self.multiplier * self.normalised + 0.0  # no -0


class Decision(Struct, frozen=True):
    """The chosen host; `why` in a sentence; its weights; the next best hosts; of hosts that did not fit the reasons, at most NOTED of them.

    `tried`: hosts that failed to build the instance: they are not asked again.
    """

    host: str = ""
    why: str = ""
    weights: tuple[Weight, ...] = ()
    alternates: tuple[str, ...] = ()
    rejected: Mapping[str, str] = field(default_factory=dict)
    tried: tuple[str, ...] = ()


NOTED = 20
"""Rejected hosts whose reasons are kept: with 200 hosts, nobody reads all of them."""

NAMED = 3
"""Hosts that are named where many are alike."""


def alike(reasons: Mapping[str, str]) -> tuple[tuple[tuple[str, ...], str], ...]:
    """Hosts whose reasons differ in nothing but numbers together, in the order in which they first come, with the reason of the first."""
    found: dict[str, list[str]] = {}
    for host, reason in reasons.items():
        found.setdefault(re.sub(r"\d+(\.\d+)?", "#", reason), []).append(host)
    return tuple((tuple(hosts), reasons[hosts[0]]) for hosts in found.values())


def listed(hosts: Sequence[str]) -> str:
    """`n1, n2, n3 and 17 more`."""
    more = f" and {len(hosts) - NAMED} more" if len(hosts) > NAMED + 1 else ""
    return ", ".join(hosts[: NAMED if more else None]) + more
