"""Hosts that answer and take new instances (nova/scheduler/filters/compute_filter.py)."""

from __future__ import annotations

from orchestrator.model.scheduler import Options
from orchestrator.scheduling.host_state import HostState, Request
from orchestrator.scheduling.verdict import Verdict

NAME = "ComputeFilter"


def judge(state: HostState, request: Request, options: Options) -> Verdict:
    if state.problem:
        return Verdict(False, f"not reached: {state.problem}", "be reached", 1)
    if state.host.disabled:
        return Verdict(False, f"disabled: {state.host.disabled}", "not be disabled", 1)
    return Verdict(True, "answers and is enabled")
