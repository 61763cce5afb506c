"""Hosts weighed by metrics that the inventory says of them (nova/scheduler/weights/metrics.py)."""

from __future__ import annotations

from orchestrator.model import errors
from orchestrator.model.scheduler import Options
from orchestrator.scheduling import aggregates
from orchestrator.scheduling.host_state import HostState, Request

NAME = "MetricsWeigher"
MULTIPLIER = "metrics_weight_multiplier"


def weigh(state: HostState, request: Request, options: Options) -> float:
    """The metrics of metrics_weight_setting, each times what is said there. Of a host that lacks one that counts, metrics_weight_of_unavailable.

    Raises Conflict instead while metrics_required, as Nova ends with an error: MetricsFilter keeps such hosts out.
    """
    found = 0.0
    for name, ratio in options.metrics_weight_setting.items():
        if name in state.host.metrics:
            found += state.host.metrics[name] * ratio
        elif options.metrics_required:
            hint = "say it in the inventory, enable MetricsFilter, or set metrics_required: false"
            raise errors.Conflict(
                f"metric {name!r} of host {state.host.name} is not known", "the scheduler's settings", "it is required", hint
            )
        elif ratio * aggregates.least(state.host, MULTIPLIER, float, options.multipliers.get(MULTIPLIER, 1.0)):
            return options.metrics_weight_of_unavailable
    return found
