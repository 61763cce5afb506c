"""Hosts with free PCI devices of the aliases that the flavor asks for (nova/scheduler/filters/pci_passthrough_filter.py)."""

from __future__ import annotations

from collections import Counter

from orchestrator.model.scheduler import Options
from orchestrator.scheduling import pci
from orchestrator.scheduling.host_state import HostState, Request
from orchestrator.scheduling.verdict import Verdict

NAME = "PciPassthroughFilter"


def judge(state: HostState, request: Request, options: Options) -> Verdict:
    need: Counter[str] = Counter()
    for alias, count in pci.wanted(request.flavor):
        need[alias] += count
    if not need:
        return Verdict(True, "no PCI devices asked for")
    free, all_of = pci.free(state), state.host.pci_devices
    told = [f"{alias}: needs {count}, {len(free.get(alias, ()))} of {len(all_of.get(alias, ()))} free" for alias, count in need.items()]
    why = f"PCI devices: {'; '.join(told)}"
    short = {alias: lacking for alias, count in need.items() if (lacking := count - len(free.get(alias, ()))) > 0}
    if not short:
        return Verdict(True, why)
    change = ", ".join(f"{count} more {alias}" for alias, count in short.items())
    return Verdict(False, why, change, sum(short.values()))
