"""More free memory is better, which spreads instances (nova/scheduler/weights/ram.py)."""

from __future__ import annotations

from orchestrator.model.scheduler import Options
from orchestrator.scheduling.host_state import HostState, Request

NAME = "RAMWeigher"
MULTIPLIER = "ram_weight_multiplier"
LOW = 0.0


def weigh(state: HostState, request: Request, options: Options) -> float:
    """Free MiB."""
    return state.free_ram
