"""Memory as a claim (Placement MEMORY_MB)."""

from __future__ import annotations

from orchestrator.scheduling.host_state import HostState, Request


def reject(state: HostState, request: Request) -> str | None:
    total = int((state.capacity.memory_mb - state.host.reserved_memory_mb) * state.host.ram_allocation_ratio)
    free = total - state.ram
    return f"ram: needs {request.flavor.ram} MiB, {max(free, 0)} of {total} free" if request.flavor.ram > free else None
