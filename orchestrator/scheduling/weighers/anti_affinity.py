"""Hosts with fewer members of a group with the policy soft-anti-affinity are better (nova/scheduler/weights/affinity.py)."""

from __future__ import annotations

from orchestrator.model.scheduler import Options
from orchestrator.scheduling.host_state import HostState, Request

NAME = "ServerGroupSoftAntiAffinityWeigher"
MULTIPLIER = "soft_anti_affinity_weight_multiplier"


def weigh(state: HostState, request: Request, options: Options) -> float:
    """Members of the instance's group there, negated."""
    group = request.group
    if group is None or group.policy != "soft-anti-affinity":
        return 0
    return -sum(each.server_group == group.name for each in state.residents)
