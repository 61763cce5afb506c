"""Disk as a claim (Placement DISK_GB)."""

from __future__ import annotations

from orchestrator.scheduling.host_state import HostState, Request, disk_gb


def reject(state: HostState, request: Request) -> str | None:
    total = int(state.capacity.disk_gb * state.host.disk_allocation_ratio)
    free, need = total - state.disk, disk_gb(request.flavor)
    return f"disk: needs {need} GiB, {max(free, 0)} of {total} free" if need > free else None
