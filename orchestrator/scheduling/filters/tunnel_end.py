"""An address where VXLAN tunnels end (neutron `local_ip`)."""

from __future__ import annotations

import ipaddress

from orchestrator.scheduling.host_state import HostState, Request


def reject(state: HostState, request: Request) -> str | None:
    if all(network.type != "vxlan" for network in request.networks.values()) or _is_address(state.host.local_ip or state.host.address):
        return None
    return f"VXLAN: local_ip is not set, and {state.host.address} is no address"


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
