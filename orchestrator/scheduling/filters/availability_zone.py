"""The zone that the instance asks for (nova pre-filter `map_az_to_placement_aggregate`)."""

from __future__ import annotations

from orchestrator.scheduling.host_state import HostState, Request


def reject(state: HostState, request: Request) -> str | None:
    zone = request.instance.availability_zone
    own = state.host.availability_zone
    return f"availability zone: is {own}, not {zone}" if zone not in (None, own) else None
