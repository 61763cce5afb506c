"""None of the hosts of instances that the hint `different_host` names (nova/scheduler/filters/affinity_filter.py DifferentHostFilter)."""

from __future__ import annotations

from orchestrator.model.scheduler import Options
from orchestrator.scheduling import hints
from orchestrator.scheduling.host_state import HostState, Request
from orchestrator.scheduling.verdict import Verdict

NAME = "DifferentHostFilter"


def judge(state: HostState, request: Request, options: Options) -> Verdict:
    named = hints.names(request, "different_host")
    if not named:
        return Verdict(True, "no different_host asked for")
    there = hints.there(request, "different_host", state.host.name)
    if not there:
        return Verdict(True, f"different_host: has none of {', '.join(named)}")
    return Verdict(False, f"different_host: has {', '.join(there)}", f"lose {', '.join(there)}", len(there))
