"""The physical networks that the instance\'s networks stand on (neutron `bridge_mappings`)."""

from __future__ import annotations

from orchestrator.scheduling.host_state import HostState, Request


def reject(state: HostState, request: Request) -> str | None:
    wanted = {network.physical_network for network in request.networks.values() if network.type != "vxlan"}
    missing = sorted(wanted - set(state.host.physical_networks))
    return f"physical network: has no {missing[0]}" if missing else None
