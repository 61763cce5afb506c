"""Hosts where builds failed of late are worse (nova/scheduler/weights/compute.py)."""

from __future__ import annotations

from orchestrator.model.scheduler import Options
from orchestrator.scheduling.host_state import HostState, Request

NAME = "BuildFailureWeigher"
MULTIPLIER = "build_failure_weight_multiplier"
SIGN = -1.0


def weigh(state: HostState, request: Request, options: Options) -> float:
    """Builds that failed there since the last that did not."""
    return state.failed_builds
