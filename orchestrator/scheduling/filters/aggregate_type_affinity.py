"""Aggregates that take some flavors only, which their metadata `instance_type` names (nova/scheduler/filters/type_filter.py AggregateTypeAffinityFilter)."""

from __future__ import annotations

from orchestrator.model.scheduler import Options
from orchestrator.scheduling import aggregates
from orchestrator.scheduling.host_state import HostState, Request
from orchestrator.scheduling.verdict import Verdict

NAME = "AggregateTypeAffinityFilter"
KEY = "instance_type"


def judge(state: HostState, request: Request, options: Options) -> Verdict:
    taken = aggregates.values(state.host).get(KEY, frozenset())
    if not taken:
        return Verdict(True, "takes every flavor")
    why = f"takes flavors {', '.join(sorted(taken))}, this is {request.flavor.name!r}"
    if request.flavor.name in taken:
        return Verdict(True, why)
    return Verdict(False, why, f"take flavor {request.flavor.name!r} ({KEY})", 1)
