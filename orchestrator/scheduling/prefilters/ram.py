"""Memory as a claim (Placement MEMORY_MB); one instance never gets more than the host has."""

from __future__ import annotations

from orchestrator.model.scheduler import Options
from orchestrator.scheduling import verdict
from orchestrator.scheduling.host_state import HostState, Request
from orchestrator.scheduling.verdict import Verdict

NAME = "ram"


def judge(state: HostState, request: Request, options: Options) -> Verdict:
    total = int((state.capacity.memory_mb - state.host.reserved_memory_mb) * state.host.ram_allocation_ratio)
    return verdict.amount("memory", request.flavor.ram, state.ram, total, most=state.capacity.memory_mb, unit="MiB")
