"""More free processors are better, which spreads instances (nova/scheduler/weights/cpu.py)."""

from __future__ import annotations

from orchestrator.model.scheduler import Options
from orchestrator.scheduling.host_state import HostState, Request

NAME = "CPUWeigher"
MULTIPLIER = "cpu_weight_multiplier"
LOW = 0.0


def weigh(state: HostState, request: Request, options: Options) -> float:
    """Free virtual CPUs, as the ratio allows."""
    return state.free_vcpus
