"""Metadata of aggregates that a flavor's extra specs ask for (nova/scheduler/filters/aggregate_instance_extra_specs.py).

Asked are those of the scope `aggregate_instance_extra_specs`, and all without a scope. One value of any of the host's aggregates is enough.
"""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.model.scheduler import Options
from orchestrator.scheduling import aggregates, extra_specs
from orchestrator.scheduling.host_state import HostState, Request
from orchestrator.scheduling.verdict import Verdict

NAME = "AggregateInstanceExtraSpecsFilter"
SCOPE = "aggregate_instance_extra_specs"


def judge(state: HostState, request: Request, options: Options) -> Verdict:
    asked = {key.removeprefix(f"{SCOPE}:"): text for key, text in request.flavor.extra_specs.items() if _ours(key)}
    if not asked:
        return Verdict(True, "no metadata of aggregates asked for")
    metadata = aggregates.values(state.host)
    for key, requirement in asked.items():
        found = metadata.get(key, frozenset())
        if not any(_match(value, requirement) for value in found):
            told = f"its aggregates say {_told(found)}" if found else "none of its aggregates says so"
            return Verdict(False, f"{key}: {requirement} is asked for, {told}", f"be in an aggregate of {key} {requirement}", 1)
    return Verdict(True, "; ".join(f"{key}: {text} is asked for, has {_told(metadata[key])}" for key, text in asked.items()))


def _ours(key: str) -> bool:
    scope, colon, _ = key.partition(":")
    return not colon or scope == SCOPE


def _match(value: str, requirement: str) -> bool:
    try:
        return extra_specs.match(value, requirement)
    except ValueError:
        return False  # a number is asked for, this is none


def _told(values: Iterable[str]) -> str:
    return ", ".join(sorted(values))
