"""The zone that the instance asks for (nova pre-filter `map_az_to_placement_aggregate`)."""

from __future__ import annotations

from orchestrator.model.scheduler import Options
from orchestrator.scheduling.host_state import HostState, Request
from orchestrator.scheduling.verdict import Verdict

NAME = "availability zone"


def judge(state: HostState, request: Request, options: Options) -> Verdict:
    zone, own = request.instance.availability_zone, state.host.availability_zone
    if zone in (None, own):
        return Verdict(True, f"availability zone: is {own}")
    return Verdict(False, f"availability zone: is {own}, not {zone}", f"be in zone {zone}", 1)
