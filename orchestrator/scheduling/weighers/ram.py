"""More free memory is better, which spreads instances (nova/scheduler/weights/ram.py)."""

from __future__ import annotations

from orchestrator.scheduling.host_state import HostState

MULTIPLIER = 1.0


def weigh(state: HostState) -> float:
    """Free MiB, as allocated."""
    return (state.capacity.memory_mb - state.host.reserved_memory_mb) * state.host.ram_allocation_ratio - state.ram
