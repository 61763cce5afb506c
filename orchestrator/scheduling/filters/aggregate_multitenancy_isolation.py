"""Aggregates that are kept for some projects (nova/scheduler/filters/aggregate_multitenancy_isolation.py AggregateMultiTenancyIsolation).

These are named by metadata whose key begins with filter_tenant_id, so that lists may be longer than one value.
"""

from __future__ import annotations

from orchestrator.model.scheduler import Options
from orchestrator.scheduling import aggregates
from orchestrator.scheduling.host_state import HostState, Request
from orchestrator.scheduling.verdict import Verdict

NAME = "AggregateMultiTenancyIsolation"
KEY = "filter_tenant_id"


def judge(state: HostState, request: Request, options: Options) -> Verdict:
    project = request.instance.project
    kept = frozenset().union(*(values for key, values in aggregates.values(state.host).items() if key.startswith(KEY)))
    if not kept:
        return Verdict(True, "kept for no project")
    why = f"kept for projects {', '.join(sorted(kept))}, this is {project!r}"
    if project in kept:
        return Verdict(True, why)
    return Verdict(False, why, f"take project {project!r} ({KEY})", 1)
