"""A host for a request (nova/scheduler/manager.py `_schedule`, nova/weights.py).

Many requests of one shape are asked for in a row: verdicts and weights are kept by shape, and worked out again only for hosts of which something was
claimed since, so that 10,000 instances go onto 1,000 hosts in seconds.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from orchestrator.model import errors
from orchestrator.model.decision import NOTED, Decision, Weight
from orchestrator.model.instance import Instance
from orchestrator.model.scheduler import Options
from orchestrator.scheduling import rooms
from orchestrator.scheduling.host_state import HostState, Request
from orchestrator.scheduling.rooms import Weigher

KEPT = 64
"""Shapes that are remembered at a time."""


@dataclass(slots=True)
class _Shape:
    """What is known of requests of one shape: reasons by host ("" where it fits), the hosts that fit, and of these each weigher's raw values."""

    reasons: list[str]
    fit: list[int] = field(default_factory=list)
    raw: list[list[float]] = field(default_factory=list)
    multipliers: list[list[float]] = field(default_factory=list)
    stale: set[int] = field(default_factory=set)


class Fleet:
    """The hosts, in the order of their names, and what is claimed of them while one instance after the other is placed."""

    def __init__(self, states: Sequence[HostState], options: Options) -> None:
        self.states = sorted(states, key=lambda state: state.host.name)
        self._options = options
        self._filters, self._weighers = rooms.filters_of(options), rooms.weighers_of(options)
        self._places = {state.host.name: place for place, state in enumerate(self.states)}
        self._shapes: dict[tuple[object, ...], _Shape] = {}

    def state(self, host: str) -> HostState:
        """As it is by now."""
        return self.states[self._places[host]]

    def claim(self, instance: Instance) -> None:
        """The instance takes its part of its host from now on."""
        place = self._places[instance.host]
        self.states[place] = self.states[place].claim(instance)
        for shape in self._shapes.values():
            shape.stale.add(place)

    def pick(self, request: Request, seed: str = "") -> Decision:
        """The best host, of equals the first by name. `seed` decides where options ask for chance, so that the same question has the same answer.

        Raises NoValidHost with each host's reason.
        """
        shape = self._shape(request)
        if not shape.fit:
            raise self._none(request, shape)
        columns = self._columns(shape)
        total = [sum(values) for values in zip(*(column for _, column in columns), strict=True)] if columns else [0.0] * len(shape.fit)
        order = sorted(range(len(total)), key=total.__getitem__, reverse=True)  # stable: of equals the first
        best = order.pop(_chance(self._options, [total[each] for each in order], seed))
        return Decision(
            self._name(shape.fit[best]),
            f"{len(shape.fit)} of {len(self.states)} hosts fit; {self._advantage(columns, best, order)}",
            self._weights(shape, best),
            tuple(self._name(shape.fit[each]) for each in order[: self._options.max_attempts - 1]),
            dict(itertools.islice(self._rejected(shape), NOTED)),
            request.tried,
        )

    def _name(self, place: int) -> str:
        return self.states[place].host.name

    def _shape(self, request: Request) -> _Shape:
        """What is known of requests like this one, with what changed since."""
        key = request.shape
        shape = self._shapes.get(key)
        if shape is None:
            if len(self._shapes) >= KEPT:
                del self._shapes[next(iter(self._shapes))]  # the oldest
            shape = self._shapes[key] = _Shape([""] * len(self.states), stale=set(range(len(self.states))))
        for place in shape.stale:
            shape.reasons[place] = self._reject(self.states[place], request)
        again = [place for place, reason in enumerate(shape.reasons) if not reason] if shape.stale else shape.fit
        if again == shape.fit:
            changed = [number for number, place in enumerate(shape.fit) if place in shape.stale] if shape.stale else []
        else:
            shape.fit, changed = again, list(range(len(again)))
            shape.raw = [[0.0] * len(again) for _ in self._weighers]
            shape.multipliers = [[0.0] * len(again) for _ in self._weighers]
        for number in changed:
            state = self.states[shape.fit[number]]
            for weigher, raw, multipliers in zip(self._weighers, shape.raw, shape.multipliers, strict=True):
                raw[number] = weigher.weigh(state, request, self._options)
                multipliers[number] = multiplier(state, weigher, self._options)
        shape.stale.clear()
        return shape

    def _reject(self, state: HostState, request: Request) -> str:
        """Why the host cannot take it, "" when it can."""
        if state.problem:
            return f"not reached: {state.problem}"
        found = (each.judge(state, request, self._options) for each in self._filters)
        return next((verdict.why for verdict in found if not verdict.fits), "")

    def _columns(self, shape: _Shape) -> list[tuple[Weigher, list[float]]]:
        """What each weigher adds to the hosts' weights, without those that add nothing. One host alone is not weighed (Nova)."""
        found: list[tuple[Weigher, list[float]]] = []
        if len(shape.fit) < 2:
            return found
        for weigher, raw, multipliers in zip(self._weighers, shape.raw, shape.multipliers, strict=True):
            normal = normalised(raw, weigher)
            if normal and any(multipliers):
                found.append((weigher, [factor * value for factor, value in zip(multipliers, normal, strict=True)]))
        return found

    def _weights(self, shape: _Shape, number: int) -> tuple[Weight, ...]:
        rows = zip(self._weighers, shape.raw, shape.multipliers, strict=True)
        return tuple(
            Weight(weigher.NAME, raw[number], (normalised(raw, weigher) or [0.0] * len(raw))[number], factors[number])
            for weigher, raw, factors in rows
            if factors[number]
        )

    def _advantage(self, columns: Sequence[tuple[Weigher, Sequence[float]]], best: int, others: Sequence[int]) -> str:
        """By what the chosen host is ahead of the next one."""
        if not others:
            return "no other does"
        ahead = [(values[best] - values[others[0]], weigher.NAME) for weigher, values in columns]
        lead, name = max(ahead, default=(0.0, ""))
        return (
            f"ahead by {name}" if lead > 0 else f"first of {sum(all(v[best] == v[each] for _, v in columns) for each in others) + 1} equals"
        )

    def _rejected(self, shape: _Shape) -> Iterator[tuple[str, str]]:
        return ((self._name(place), reason) for place, reason in enumerate(shape.reasons) if reason)

    def _none(self, request: Request, shape: _Shape) -> errors.NoValidHost:
        told = [f"{name}: {reason}" for name, reason in itertools.islice(self._rejected(shape), NOTED)]
        more = [f"and {len(shape.reasons) - NOTED} more hosts"] if len(shape.reasons) > NOTED else []
        return errors.NoValidHost(
            f"no valid host for instance {request.instance.name!r}",
            request.instance.where,
            ", ".join(told + more) or "no host could be asked",
            "free some room, add hosts, or take a smaller flavor; see `orchestrator explain`",
        )


def normalised(raw: Sequence[float], weigher: Weigher) -> list[float]:
    """Values from 0 to 1 (nova weights.normalize); empty when all are the same, which says nothing of any host."""
    low = min(raw, default=0.0)
    high = max(raw, default=0.0)
    low, high = min(low, getattr(weigher, "LOW", low)), max(high, getattr(weigher, "HIGH", high))
    span = high - low
    return [(value - low) / span for value in raw] if span else []


def multiplier(state: HostState, weigher: Weigher, options: Options) -> float:
    """Of the aggregates that say something of it the least, else what the options say (nova utils.get_weight_multiplier)."""
    own = [each.metadata[weigher.MULTIPLIER] for each in state.host.aggregates if weigher.MULTIPLIER in each.metadata]
    try:
        return min(map(float, own)) if own else options.multipliers.get(weigher.MULTIPLIER, 1.0)
    except ValueError:
        return options.multipliers.get(weigher.MULTIPLIER, 1.0)


def _chance(options: Options, weights: Sequence[float], seed: str) -> int:
    """Which of the hosts, best first: the first, unless options ask for one of the best by chance (nova host_subset_size, shuffle_best_same_weighed_hosts)."""
    equal = sum(weight == weights[0] for weight in weights) if options.shuffle_best_same_weighed_hosts else 1
    size = min(max(options.host_subset_size, equal), len(weights))
    return int(hashlib.sha256(seed.encode()).hexdigest(), 16) % size if size > 1 else 0
