"""A host for a request (nova/scheduler/manager.py `_schedule`, nova/weights.py).

Many requests of one shape are asked for in a row: verdicts and weights are kept by shape, and worked out again only for hosts of which something was
claimed since, so that 10,000 instances go onto 1,000 hosts in seconds.
"""

from __future__ import annotations

import bisect
import hashlib
import heapq
import itertools
import math
import operator
from collections.abc import Iterator, Sequence

from msgspec import Struct, field

from orchestrator.model import errors
from orchestrator.model.decision import NOTED, Decision, Weight
from orchestrator.model.instance import Instance
from orchestrator.model.scheduler import Options
from orchestrator.scheduling import aggregates, rooms
from orchestrator.scheduling.host_state import HostState, Request
from orchestrator.scheduling.rooms import Weigher

KEPT = 64
"""Shapes that are remembered at a time."""


class _Column(Struct):
    """What one weigher gives the hosts that fit: its raw values, what they are multiplied by, and what comes of it, empty when that is nothing."""

    weigher: Weigher
    raw: list[float]
    multipliers: list[float]
    bounds: tuple[float, float] = (0.0, 0.0)
    weighted: list[float] = field(default_factory=list)

    def weigh(self, numbers: Sequence[int]) -> None:
        """Weigh anew: those of `numbers`, or all when the least or the greatest value is another one by now."""
        found = bounds(self.raw, self.weigher)
        if found != self.bounds or len(numbers) == len(self.raw):
            normal = normalised(self.raw, self.weigher) if any(self.multipliers) else []
            self.bounds, self.weighted = found, list(map(operator.mul, self.multipliers, normal))
        elif self.weighted:
            low, high = found
            for number in numbers:
                self.weighted[number] = self.multipliers[number] * ((self.raw[number] - low) / (high - low))

    def drop(self, number: int) -> None:
        """The host does not fit any more."""
        for values in filter(None, (self.raw, self.multipliers, self.weighted)):
            del values[number]


class _Shape(Struct):
    """What is known of requests of one shape: reasons by host ("" where it fits), and the hosts that fit, with what each weigher gives them."""

    reasons: list[str]
    fit: list[int] = field(default_factory=list)
    columns: list[_Column] = field(default_factory=list)
    stale: set[int] = field(default_factory=set)

    @property
    def counting(self) -> list[_Column]:
        """The weighers that tell hosts apart. One host alone is not weighed (Nova)."""
        return [column for column in self.columns if column.weighted] if len(self.fit) > 1 else []


class Fleet:
    """The hosts, in the order of their names, and what is claimed of them while one instance after the other is placed."""

    def __init__(self, states: Sequence[HostState], options: Options) -> None:
        self.states = sorted(states, key=lambda state: state.host.name)
        self._options = options
        self._filters, self._weighers = rooms.filters_of(options), rooms.weighers_of(options)
        self._factors = [[multiplier(state, each, options) for state in self.states] for each in self._weighers]
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
        columns, total = shape.counting, [0.0] * len(shape.fit)
        for column in columns:
            total = list(map(operator.add, total, column.weighted))
        asked = (
            len(total) if self._options.shuffle_best_same_weighed_hosts else max(self._options.max_attempts, self._options.host_subset_size)
        )
        order = heapq.nlargest(asked, range(len(total)), key=total.__getitem__)  # of equals the first, as sorted() would
        best = order.pop(_chance(self._options, [total[each] for each in order], seed))
        return Decision(
            self._name(shape.fit[best]),
            f"{len(shape.fit)} of {len(self.states)} hosts fit; {_advantage(columns, total, best, order)}",
            tuple(_weight(column, best) for column in shape.columns if column.multipliers[best]),
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
        self._refresh(shape, request)
        return shape

    def _refresh(self, shape: _Shape, request: Request) -> None:
        """Judge and weigh the hosts again of which something was claimed since."""
        fitted = {place for place in shape.stale if not shape.reasons[place]}
        for place in shape.stale:
            shape.reasons[place] = self._reject(self.states[place], request)
        fitting = {place for place in shape.stale if not shape.reasons[place]}
        dropped = len(fitted - fitting) > 0
        if not shape.columns or fitting - fitted:
            shape.fit = [place for place, reason in enumerate(shape.reasons) if not reason]
            fresh = range(len(shape.fit))
            factors = [[row[place] for place in shape.fit] for row in self._factors]
            shape.columns = [_Column(each, [math.nan for _ in fresh], own) for each, own in zip(self._weighers, factors, strict=True)]
            fitted = fitting = set(shape.fit)  # those that dropped out are not in it
        for place in fitted - fitting:
            number = bisect.bisect_left(shape.fit, place)
            del shape.fit[number]
            for column in shape.columns:
                column.drop(number)
        for column in shape.columns:
            self._weigh(column, shape, request, [bisect.bisect_left(shape.fit, place) for place in fitting], dropped)
        shape.stale.clear()

    def _weigh(self, column: _Column, shape: _Shape, request: Request, numbers: Sequence[int], dropped: bool) -> None:
        changed = []
        for number in numbers:
            found = value(self.states[shape.fit[number]], column.weigher, request, self._options)
            if found != column.raw[number]:
                column.raw[number] = found
                changed.append(number)
        if changed or dropped:
            column.weigh(changed)

    def _reject(self, state: HostState, request: Request) -> str:
        """Why the host cannot take it, "" when it can."""
        if state.problem:
            return f"not reached: {state.problem}"
        found = (each.judge(state, request, self._options) for each in self._filters)
        return next((verdict.why for verdict in found if not verdict.fits), "")

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


def _weight(column: _Column, number: int) -> Weight:
    raw, (low, high) = column.raw[number], column.bounds
    return Weight(column.weigher.NAME, raw, (raw - low) / (high - low) if high > low else 0.0, column.multipliers[number])


def _advantage(columns: Sequence[_Column], total: Sequence[float], best: int, others: Sequence[int]) -> str:
    """By what the chosen host is ahead of the next one."""
    if not others:
        return "no other does"
    if total[best] == total[others[0]]:
        return f"first of {total.count(total[best])} equals"
    ahead = [(values[best] - values[others[0]], each.weigher.NAME) for each in columns if (values := each.weighted)]
    return f"ahead by {max(ahead)[1]}"


def value(state: HostState, weigher: Weigher, request: Request, options: Options) -> float:
    """What the weigher says of the host, within its bounds: over-full is no less than full (nova weights.BaseWeigher.weigh_objects)."""
    found = weigher.weigh(state, request, options)
    found = max(found, getattr(weigher, "LOW", found))
    return min(found, getattr(weigher, "HIGH", found))


def bounds(raw: Sequence[float], weigher: Weigher) -> tuple[float, float]:
    """What values are normalised over: the weigher's own bounds, or else the least and the greatest of them (nova weights.normalize)."""
    low, high = min(raw, default=0.0), max(raw, default=0.0)
    return min(low, getattr(weigher, "LOW", low)), max(high, getattr(weigher, "HIGH", high))


def normalised(raw: Sequence[float], weigher: Weigher) -> list[float]:
    """The values from 0 to 1; empty when all are the same, which says nothing of any host."""
    low, high = bounds(raw, weigher)
    return [(value - low) / (high - low) for value in raw] if high > low else []


def multiplier(state: HostState, weigher: Weigher, options: Options) -> float:
    """Of the aggregates that say something of it the least, else what the options say (nova utils.get_weight_multiplier); times the weigher's SIGN."""
    own = aggregates.least(state.host, weigher.MULTIPLIER, _finite, options.multipliers.get(weigher.MULTIPLIER, 1.0))
    return float(getattr(weigher, "SIGN", 1.0)) * own


def _finite(text: str) -> float:
    """The number. Raises ValueError for what cannot be multiplied by: `inf`, `nan`."""
    found = float(text)
    if not math.isfinite(found):
        raise ValueError(text)
    return found


def _chance(options: Options, weights: Sequence[float], seed: str) -> int:
    """Which of the hosts, best first: the first, unless options ask for one of the best by chance (nova host_subset_size, shuffle_best_same_weighed_hosts)."""
    equal = sum(weight == weights[0] for weight in weights) if options.shuffle_best_same_weighed_hosts else 1
    size = min(max(options.host_subset_size, equal), len(weights))
    return int(hashlib.sha256(seed.encode()).hexdigest(), 16) % size if size > 1 else 0
