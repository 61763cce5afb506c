"""A volume that is a file of one host can be had nowhere else."""

from __future__ import annotations

from orchestrator.scheduling.host_state import HostState, Request


def reject(state: HostState, request: Request) -> str | None:
    elsewhere = next((each for each in request.volumes if each.backend == "local" and each.host not in ("", state.host.name)), None)
    return f"volume {elsewhere.name!r} is a file of {elsewhere.host}" if elsewhere else None
