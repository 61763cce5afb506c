"""Every host (nova/scheduler/filters/all_hosts_filter.py)."""

from __future__ import annotations

from orchestrator.model.scheduler import Options
from orchestrator.scheduling.host_state import HostState, Request
from orchestrator.scheduling.verdict import Verdict

NAME = "AllHostsFilter"


def judge(state: HostState, request: Request, options: Options) -> Verdict:
    return Verdict(True, "all hosts will do")
