"""The hosts that the playbook names for the instance, but those that failed to build it (nova `requested_destination`, `ignore_hosts`)."""

from __future__ import annotations

from orchestrator.model.scheduler import Options
from orchestrator.scheduling.host_state import HostState, Request
from orchestrator.scheduling.verdict import Verdict

NAME = "hosts"


def judge(state: HostState, request: Request, options: Options) -> Verdict:
    if state.host.name not in request.instance.hosts:
        return Verdict(False, "hosts: the playbook does not name it", "be named by the play's hosts", 1)
    if state.host.name in request.tried:
        return Verdict(False, "hosts: it failed to build the instance", "be mended", 1)
    return Verdict(True, "hosts: the playbook names it")
