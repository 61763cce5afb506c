"""As IoOpsFilter, with the least max_io_ops_per_host that the host's aggregates say (nova/scheduler/filters/io_ops_filter.py AggregateIoOpsFilter)."""

from __future__ import annotations

from orchestrator.model.scheduler import Options
from orchestrator.scheduling import aggregates, verdict
from orchestrator.scheduling.host_state import HostState, Request
from orchestrator.scheduling.verdict import Verdict

NAME = "AggregateIoOpsFilter"


def judge(state: HostState, request: Request, options: Options) -> Verdict:
    most = aggregates.least(state.host, "max_io_ops_per_host", int, options.max_io_ops_per_host)
    return verdict.below("io_ops", state.io_ops, most)
