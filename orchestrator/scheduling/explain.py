"""Why an instance goes where it goes: what every filter and weigher says of each host, and the smallest change that would let it fit where none does.

Nothing is decided here: pick decides, by the same filters and weighers; this asks all of them where pick stops at the first that says no.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from orchestrator.model.decision import Decision, Weight
from orchestrator.model.scheduler import Options
from orchestrator.scheduling import pick, rooms
from orchestrator.scheduling.filters import compute
from orchestrator.scheduling.host_state import HostState, Request
from orchestrator.scheduling.verdict import Verdict


class Judged(Struct, frozen=True):
    """A host, the verdict of each filter by name, in the order in which they are asked, and, where all of them let it pass, its weights."""

    host: str
    verdicts: tuple[tuple[str, Verdict], ...]
    weights: tuple[Weight, ...] = ()

    @property
    def lacking(self) -> tuple[tuple[str, Verdict], ...]:
        """The verdicts that rule it out."""
        return tuple((name, verdict) for name, verdict in self.verdicts if not verdict.fits)

    @property
    def fits(self) -> bool:
        return not self.lacking

    @property
    def total(self) -> float:
        """Its weight."""
        return sum(each.weighted for each in self.weights)

    @property
    def change(self) -> str:
        """What would let it fit, all of it: "2048 MiB more memory, be in zone az2"; "" when it does."""
        return ", ".join(verdict.change or f"pass {name}" for name, verdict in self.lacking)

    @property
    def distance(self) -> tuple[int, float]:
        """How far it is from fitting: filters that rule it out, then what their changes cost."""
        return len(self.lacking), sum(verdict.cost for _, verdict in self.lacking)


class Explanation(Struct, frozen=True):
    """What hosts were asked for, and what became of it. `hosts`: the chosen one, those that fit by weight, then the others, the nearest first.

    `decision`: None when no host fits.
    """

    name: str
    hosts: tuple[Judged, ...]
    decision: Decision | None = None

    @property
    def nearest(self) -> Judged | None:
        """Where the smallest change would let it fit; None when it fits somewhere, or there is no host at all."""
        return self.hosts[0] if self.decision is None and self.hosts else None


def judge(states: Sequence[HostState], request: Request, options: Options) -> tuple[Judged, ...]:
    """Every host judged and, where the request fits, weighed: those first, by weight; of equals the first by name."""
    filters = rooms.filters_of(options)
    found = {state.host.name: _verdicts(filters, state, request, options) for state in states}
    fit = [state for state in states if all(verdict.fits for _, verdict in found[state.host.name])]
    weights: dict[str, list[Weight]] = {state.host.name: [] for state in fit}
    for weigher in rooms.weighers_of(options):
        raw = [pick.value(state, weigher, request, options) for state in fit]
        normal = pick.normalised(raw, weigher) or [0.0] * len(raw)
        for state, value, part in zip(fit, raw, normal, strict=True):
            weights[state.host.name].append(Weight(weigher.NAME, value, part, pick.multiplier(state, weigher, options)))
    judged = [Judged(name, verdicts, tuple(weights.get(name, ()))) for name, verdicts in found.items()]
    return tuple(sorted(judged, key=lambda each: (each.distance, -each.total, each.host)))


def decided(name: str, judged: Sequence[Judged], decision: Decision | None) -> Explanation:
    """The explanation of a decision on hosts that were judged."""
    return Explanation(name, tuple(sorted(judged, key=lambda each: decision is None or each.host != decision.host)), decision)


def _verdicts(filters: Sequence[rooms.Filter], state: HostState, request: Request, options: Options) -> tuple[tuple[str, Verdict], ...]:
    if state.problem:  # nothing is known of it, or what is known is old
        return ((compute.NAME, compute.judge(state, request, options)),)
    return tuple((each.NAME, each.judge(state, request, options)) for each in filters)
