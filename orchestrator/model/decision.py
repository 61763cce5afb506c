"""Why an instance is where it is: kept with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Weight:
    """What one weigher gave a host: `raw`, then normalised to 0..1 over the hosts that fit, times `multiplier` is what counted."""

    weigher: str
    raw: float
    normalised: float
    multiplier: float

    @property
    def weighted(self) -> float:
        return self.multiplier * self.normalised


@dataclass(frozen=True, slots=True)
class Decision:
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
