"""Image properties that a host's aggregates have metadata of, only with these values (nova AggregateImagePropertiesIsolation).

An image that says nothing of it may go there as well; with a namespace, only metadata whose keys begin with it counts.
"""

from __future__ import annotations

from orchestrator.model.scheduler import Options
from orchestrator.scheduling import aggregates, image_properties
from orchestrator.scheduling.host_state import HostState, Request
from orchestrator.scheduling.verdict import Verdict

NAME = "AggregateImagePropertiesIsolation"


def judge(state: HostState, request: Request, options: Options) -> Verdict:
    namespace = options.aggregate_image_properties_isolation_namespace
    prefix = namespace + options.aggregate_image_properties_isolation_separator if namespace else ""
    properties = image_properties.of(request.image)
    for key, values in aggregates.values(state.host).items():
        found = properties.get(key)
        if found and key.startswith(prefix) and found not in values:
            why = f"{key}: the image has {found}, its aggregates take {', '.join(sorted(values))}"
            return Verdict(False, why, f"be in an aggregate of {key} {found}", 1)
    return Verdict(True, "its aggregates keep no such image out")
