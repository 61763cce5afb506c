"""Hosts that are kept for some images, and images for some hosts (nova/scheduler/filters/isolated_hosts_filter.py IsolatedHostsFilter)."""

from __future__ import annotations

from orchestrator.model.scheduler import Options
from orchestrator.scheduling.host_state import HostState, Request
from orchestrator.scheduling.verdict import Verdict

NAME = "IsolatedHostsFilter"


def judge(state: HostState, request: Request, options: Options) -> Verdict:
    image = request.image.name
    kept, isolated = state.host.name in options.isolated_hosts, image in options.isolated_images
    why = f"image {image!r} is {'' if isolated else 'not '}isolated, host is {'' if kept else 'not '}isolated"
    if isolated and not kept:
        return Verdict(False, why, "be one of isolated_hosts", 1)
    if kept and not isolated and options.restrict_isolated_hosts_to_isolated_images:
        return Verdict(False, why, "be none of isolated_hosts", 1)
    return Verdict(True, why)
