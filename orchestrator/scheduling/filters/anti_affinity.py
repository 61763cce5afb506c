"""A host takes so many members of a group with the policy anti-affinity (nova/scheduler/filters/affinity_filter.py ServerGroupAntiAffinityFilter)."""

from __future__ import annotations

from orchestrator.model.scheduler import Options
from orchestrator.scheduling.host_state import HostState, Request
from orchestrator.scheduling.verdict import Verdict

NAME = "ServerGroupAntiAffinityFilter"


def judge(state: HostState, request: Request, options: Options) -> Verdict:
    group = request.group
    if group is None or group.policy != "anti-affinity":
        return Verdict(True, "no anti-affinity asked for")
    members = [each.name for each in state.residents if each.server_group == group.name]
    why = f"members of {group.name!r}: has {len(members)}, takes {group.max_server_per_host}"
    if len(members) < group.max_server_per_host:
        return Verdict(True, why)
    return Verdict(False, why, f"lose {', '.join(members[group.max_server_per_host - 1 :])}", len(members) - group.max_server_per_host + 1)
