"""An address where VXLAN tunnels end (neutron `local_ip`)."""

from __future__ import annotations

from orchestrator.scheduling.host_state import HostState, Request


def reject(state: HostState, request: Request) -> str | None:
    if all(network.type != "vxlan" for network in request.networks.values()) or state.host.tunnel_end:
        return None
    return f"VXLAN: local_ip is not set, and {state.host.address} is no address"
