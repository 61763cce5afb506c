"""The physical networks that the instance's networks stand on (neutron `bridge_mappings`)."""

from __future__ import annotations

from orchestrator.model.scheduler import Options
from orchestrator.scheduling.host_state import HostState, Request
from orchestrator.scheduling.verdict import Verdict

NAME = "physical network"


def judge(state: HostState, request: Request, options: Options) -> Verdict:
    wanted = {network.physical_network for network in request.networks.values() if network.type != "vxlan"}
    missing = sorted(wanted - set(state.host.physical_networks))
    if not missing:
        return Verdict(True, f"physical network: has {', '.join(sorted(wanted)) or 'all: needs none'}")
    return Verdict(False, f"physical network: has no {missing[0]}", f"physical_networks: {', '.join(missing)}", len(missing))
