"""Hosts with fewer than so many instances (nova/scheduler/filters/num_instances_filter.py NumInstancesFilter)."""

from __future__ import annotations

from orchestrator.model.scheduler import Options
from orchestrator.scheduling import verdict
from orchestrator.scheduling.host_state import HostState, Request
from orchestrator.scheduling.verdict import Verdict

NAME = "NumInstancesFilter"


def judge(state: HostState, request: Request, options: Options) -> Verdict:
    return verdict.below("instances", len(state.residents), options.max_instances_per_host)
