"""Hosts whose address is near the one of the hint `build_near_host_ip`: in its network of the hint `cidr`, /24 without
(nova/scheduler/filters/affinity_filter.py SimpleCIDRAffinityFilter)."""

from __future__ import annotations

import ipaddress

from orchestrator.model.host import Host
from orchestrator.model.scheduler import Options
from orchestrator.scheduling.host_state import HostState, Request
from orchestrator.scheduling.verdict import Verdict

NAME = "SimpleCIDRAffinityFilter"


def judge(state: HostState, request: Request, options: Options) -> Verdict:
    hints = request.instance.scheduler_hints
    near = hints.get("build_near_host_ip")
    if not near:
        return Verdict(True, "no build_near_host_ip asked for")
    written = f"{near}/{hints.get('cidr', '/24').removeprefix('/')}"
    try:
        network = ipaddress.ip_network(written, strict=False)
    except ValueError:
        return Verdict(False, f"build_near_host_ip: {written} is no network", "be asked for a network", 1)
    address = _address(state.host)
    if address is None:
        return Verdict(False, f"build_near_host_ip: {state.host.address} is no IP address", f"local_ip in {network}", 1)
    if address in network:
        return Verdict(True, f"build_near_host_ip: {address} is in {network}")
    return Verdict(False, f"build_near_host_ip: {address} is not in {network}", f"be in {network}", 1)


def _address(host: Host) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """What it is reached at; where that is a name, the end of its tunnels."""
    for written in (host.address, host.tunnel_end):
        try:
            return ipaddress.ip_address(written)
        except ValueError:
            continue
    return None
