"""Hosts of which every metric is known that they are weighed by (nova/scheduler/filters/metrics_filter.py MetricsFilter)."""

from __future__ import annotations

from orchestrator.model.scheduler import Options
from orchestrator.scheduling.host_state import HostState, Request
from orchestrator.scheduling.verdict import Verdict

NAME = "MetricsFilter"


def judge(state: HostState, request: Request, options: Options) -> Verdict:
    wanted = sorted(options.metrics_weight_setting)
    missing = [name for name in wanted if name not in state.host.metrics]
    if missing:
        return Verdict(False, f"metrics: {', '.join(missing)} not known of this host", f"metrics: {', '.join(missing)}", len(missing))
    return Verdict(True, f"metrics: has {', '.join(wanted)}" if wanted else "no metrics are weighed by")
