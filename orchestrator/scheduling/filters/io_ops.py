"""Hosts whose disks are not loaded by too many builds at once (nova/scheduler/filters/io_ops_filter.py IoOpsFilter)."""

from __future__ import annotations

from orchestrator.model.scheduler import Options
from orchestrator.scheduling import verdict
from orchestrator.scheduling.host_state import HostState, Request
from orchestrator.scheduling.verdict import Verdict

NAME = "IoOpsFilter"


def judge(state: HostState, request: Request, options: Options) -> Verdict:
    return verdict.below("io_ops", state.io_ops, options.max_io_ops_per_host)
