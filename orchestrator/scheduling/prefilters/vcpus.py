"""Virtual CPUs as a claim (Placement VCPU); one instance never gets more than the host has."""

from __future__ import annotations

from orchestrator.model.scheduler import Options
from orchestrator.scheduling import verdict
from orchestrator.scheduling.host_state import HostState, Request
from orchestrator.scheduling.verdict import Verdict

NAME = "vcpus"


def judge(state: HostState, request: Request, options: Options) -> Verdict:
    total = int(state.capacity.vcpus * state.host.cpu_allocation_ratio)
    return verdict.amount("vcpus", request.flavor.vcpus, state.vcpus, total, most=state.capacity.vcpus)
