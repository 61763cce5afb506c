"""Members of a group with the policy affinity share one host (nova/scheduler/filters/affinity_filter.py ServerGroupAffinityFilter)."""

from __future__ import annotations

from orchestrator.model.scheduler import Options
from orchestrator.scheduling.host_state import HostState, Request
from orchestrator.scheduling.verdict import Verdict

NAME = "ServerGroupAffinityFilter"


def judge(state: HostState, request: Request, options: Options) -> Verdict:
    group = request.group
    if group is None or group.policy != "affinity":
        return Verdict(True, "no affinity asked for")
    if not request.group_hosts or state.host.name in request.group_hosts:
        return Verdict(True, f"group {group.name!r} is there, or nowhere yet")
    return Verdict(False, f"group {group.name!r} is on {', '.join(sorted(request.group_hosts))}", f"have the members of {group.name!r}", 1)
