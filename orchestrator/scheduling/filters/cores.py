"""Virtual CPUs as a claim (Placement VCPU); one instance never gets more than the host has."""

from __future__ import annotations

from orchestrator.scheduling.host_state import HostState, Request


def reject(state: HostState, request: Request) -> str | None:
    total = int(state.capacity.vcpus * state.host.cpu_allocation_ratio)
    free = min(total - state.vcpus, state.capacity.vcpus)
    return f"vcpus: needs {request.flavor.vcpus}, {max(free, 0)} of {total} free" if request.flavor.vcpus > free else None
