"""Newer hypervisors are better (nova/scheduler/weights/hypervisor_version.py)."""

from __future__ import annotations

from orchestrator.model.scheduler import Options
from orchestrator.scheduling.host_state import HostState, Request

NAME = "HypervisorVersionWeigher"
MULTIPLIER = "hypervisor_version_weight_multiplier"


def weigh(state: HostState, request: Request, options: Options) -> float:
    """QEMU's version, as libvirt counts."""
    return state.capacity.hypervisor_version
