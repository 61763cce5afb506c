"""The host of at least one of the instances that the hint `same_host` names (nova/scheduler/filters/affinity_filter.py SameHostFilter)."""

from __future__ import annotations

from orchestrator.model.scheduler import Options
from orchestrator.scheduling import hints
from orchestrator.scheduling.host_state import HostState, Request
from orchestrator.scheduling.verdict import Verdict

NAME = "SameHostFilter"


def judge(state: HostState, request: Request, options: Options) -> Verdict:
    named = hints.names(request, "same_host")
    if not named:
        return Verdict(True, "no same_host asked for")
    there = hints.there(request, "same_host", state.host.name)
    if there:
        return Verdict(True, f"same_host: has {', '.join(there)}")
    return Verdict(False, f"same_host: has none of {', '.join(named)}", f"have {' or '.join(named)}", 1)
