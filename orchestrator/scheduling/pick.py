"""A host for a request (nova/scheduler/manager.py `_schedule`)."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType

from orchestrator.model import errors
from orchestrator.scheduling import filters, weighers
from orchestrator.scheduling.host_state import HostState, Request


@dataclass(frozen=True, slots=True)
class Decision:
    """`state` is the chosen host's, before the claim; `rejected` gives the others' reasons by host name."""

    state: HostState
    why: str
    rejected: dict[str, str]


@functools.cache
def _room(package: ModuleType) -> tuple[ModuleType, ...]:
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    return tuple(importlib.import_module(f"{package.__name__}.{name}") for name in names)


def pick(states: Sequence[HostState], request: Request) -> Decision:
    """The best host; of equals the first by name. Raises NoValidHost with each host's reason."""
    verdicts = {state.host.name: next(filter(None, (each.reject(state, request) for each in _room(filters))), None) for state in states}
    rejected = {name: reason for name, reason in verdicts.items() if reason}
    fit = sorted((state for state in states if state.host.name not in rejected), key=lambda state: state.host.name)
    if not fit:
        raise errors.NoValidHost(
            f"no valid host for instance {request.instance.name!r}",
            request.instance.where,
            ", ".join(f"{name}: {reason}" for name, reason in sorted(rejected.items())) or "no host could be asked",
            "free some room, add hosts, or take a smaller flavor",
        )
    scores = _scores(fit)
    best = max(fit, key=lambda state: scores[state.host.name])  # max keeps the first of equals
    others = f"{len(fit)} of {len(states)} hosts fit"
    return Decision(best, f"{others}; most free memory on {best.host.name}", rejected)


def _scores(states: Sequence[HostState]) -> dict[str, float]:
    """Sum of multiplier x value normalised to 0..1 over the hosts (nova weights.normalize)."""
    scores = dict.fromkeys((state.host.name for state in states), 0.0)
    for weigher in _room(weighers):
        raw = {state.host.name: weigher.weigh(state) for state in states}
        low, high = min(raw.values()), max(raw.values())
        for name, value in raw.items():
            scores[name] += weigher.MULTIPLIER * ((value - low) / (high - low) if high > low else 0.0)
    return scores
