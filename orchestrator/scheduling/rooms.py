"""Filters and weighers as they are found: in our own rooms by file name, in other packages by entry point."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from types import ModuleType
from typing import Protocol, cast

from orchestrator.model import errors
from orchestrator.model.scheduler import Options
from orchestrator.scheduling import filters, prefilters, weighers
from orchestrator.scheduling.host_state import HostState, Request
from orchestrator.scheduling.verdict import Verdict

FILTERS, WEIGHERS = "orchestrator.filters", "orchestrator.weighers"
"""Groups of entry points."""


class Filter(Protocol):
    """See `filters`."""

    NAME: str

    def judge(self, state: HostState, request: Request, options: Options) -> Verdict: ...


class Weigher(Protocol):
    """See `weighers`; LOW, HIGH and SIGN need not be there."""

    NAME: str
    MULTIPLIER: str

    def weigh(self, state: HostState, request: Request, options: Options) -> float: ...


@functools.cache
def _room(package: ModuleType) -> tuple[ModuleType, ...]:
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    return tuple(importlib.import_module(f"{package.__name__}.{name}") for name in names)


def filters_of(options: Options) -> tuple[Filter, ...]:
    """The filters that hold, in the order in which they are asked. Raises Conflict for an enabled one that nobody knows."""
    known = {module.NAME: module for module in _room(filters)}
    chosen = [known.get(name) or _entry(FILTERS, name) for name in options.enabled_filters]
    before = sorted(_room(prefilters), key=lambda module: module.NAME != "hosts")  # nothing else matters of hosts that nobody named
    return tuple(cast(Filter, each) for each in (*before, *chosen))


def weighers_of(options: Options) -> tuple[Weigher, ...]:
    """All our weighers, then those of other packages that are asked for. Raises Conflict for one that nobody knows."""
    chosen = [_entry(WEIGHERS, name) for name in options.weight_classes]
    return tuple(cast(Weigher, each) for each in (*_room(weighers), *chosen))


def names(package: ModuleType) -> tuple[str, ...]:
    """What Nova calls those of our own room."""
    return tuple(module.NAME for module in _room(package))


def _entry(group: str, name: str) -> ModuleType:
    from importlib import metadata  # 20 ms that few need

    found = next(iter(metadata.entry_points(group=group, name=name)), None)
    if found is None:
        room = filters if group == FILTERS else weighers
        raise errors.Conflict(
            f"no {'filter' if group == FILTERS else 'weigher'} {name!r}",
            "the scheduler's settings",
            f"neither one of {', '.join(names(room))}, nor an entry point of {group}",
        )
    return cast(ModuleType, found.load())
