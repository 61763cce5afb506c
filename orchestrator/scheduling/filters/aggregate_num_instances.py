"""As NumInstancesFilter, with the least max_instances_per_host that the host's aggregates say (nova AggregateNumInstancesFilter)."""

from __future__ import annotations

from orchestrator.model.scheduler import Options
from orchestrator.scheduling import aggregates, verdict
from orchestrator.scheduling.host_state import HostState, Request
from orchestrator.scheduling.verdict import Verdict

NAME = "AggregateNumInstancesFilter"


def judge(state: HostState, request: Request, options: Options) -> Verdict:
    most = aggregates.least(state.host, "max_instances_per_host", int, options.max_instances_per_host)
    return verdict.below("instances", len(state.residents), most)
