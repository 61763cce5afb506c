"""A volume that is a file of one host can be had nowhere else."""

from __future__ import annotations

from orchestrator.model.scheduler import Options
from orchestrator.scheduling.host_state import HostState, Request
from orchestrator.scheduling.verdict import Verdict

NAME = "volumes"


def judge(state: HostState, request: Request, options: Options) -> Verdict:
    elsewhere = next((each for each in request.volumes if each.backend == "local" and each.host not in ("", state.host.name)), None)
    if elsewhere is None:
        return Verdict(True, "volumes: can be had there")
    return Verdict(False, f"volume {elsewhere.name!r} is a file of {elsewhere.host}", f"have volume {elsewhere.name!r}", 2)
