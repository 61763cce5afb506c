"""An address where VXLAN tunnels end (neutron `local_ip`)."""

from __future__ import annotations

from orchestrator.model.scheduler import Options
from orchestrator.scheduling.host_state import HostState, Request
from orchestrator.scheduling.verdict import Verdict

NAME = "VXLAN"


def judge(state: HostState, request: Request, options: Options) -> Verdict:
    if all(network.type != "vxlan" for network in request.networks.values()):
        return Verdict(True, "VXLAN: not needed")
    if state.host.tunnel_end:
        return Verdict(True, f"VXLAN: tunnels end at {state.host.tunnel_end}")
    return Verdict(False, f"VXLAN: local_ip is not set, and {state.host.address} is no address", "local_ip", 1)
