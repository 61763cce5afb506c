"""Hosts whose disks are less loaded are better, as the multiplier is negative (nova/scheduler/weights/io_ops.py)."""

from __future__ import annotations

from orchestrator.model.scheduler import Options
from orchestrator.scheduling.host_state import HostState, Request

NAME = "IoOpsWeigher"
MULTIPLIER = "io_ops_weight_multiplier"
LOW = 0.0


def weigh(state: HostState, request: Request, options: Options) -> float:
    """Instances that load its disks now."""
    return state.io_ops
