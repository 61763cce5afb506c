"""Hosts with more instances, which are better or worse as the multiplier says (nova/scheduler/weights/num_instances.py)."""

from __future__ import annotations

from orchestrator.model.scheduler import Options
from orchestrator.scheduling.host_state import HostState, Request

NAME = "NumInstancesWeigher"
MULTIPLIER = "num_instances_weight_multiplier"


def weigh(state: HostState, request: Request, options: Options) -> float:
    """Instances there."""
    return len(state.residents)
