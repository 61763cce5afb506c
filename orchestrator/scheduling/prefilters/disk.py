"""Disk as a claim (Placement DISK_GB)."""

from __future__ import annotations

from orchestrator.model.scheduler import Options
from orchestrator.scheduling import verdict
from orchestrator.scheduling.host_state import HostState, Request, disk_gb
from orchestrator.scheduling.verdict import Verdict

NAME = "disk"


def judge(state: HostState, request: Request, options: Options) -> Verdict:
    total = int(state.capacity.disk_gb * state.host.disk_allocation_ratio)
    return verdict.amount("disk", disk_gb(request.flavor), state.disk, total, most=state.capacity.disk_gb, unit="GiB")
