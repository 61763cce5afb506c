"""More free disk is better, which spreads instances (nova/scheduler/weights/disk.py)."""

from __future__ import annotations

from orchestrator.model.scheduler import Options
from orchestrator.scheduling.host_state import HostState, Request

NAME = "DiskWeigher"
MULTIPLIER = "disk_weight_multiplier"
LOW = 0.0


def weigh(state: HostState, request: Request, options: Options) -> float:
    """Free MiB."""
    return state.free_disk * 1024
