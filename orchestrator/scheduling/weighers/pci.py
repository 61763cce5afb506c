"""Hosts with fewer free PCI devices are better, so that those with many are kept for who needs them (nova/scheduler/weights/pci.py)."""

from __future__ import annotations

from orchestrator.model.scheduler import Options
from orchestrator.scheduling import pci
from orchestrator.scheduling.host_state import HostState, Request

NAME = "PCIWeigher"
MULTIPLIER = "pci_weight_multiplier"
MANY = 100
"""More devices than that make no difference (nova MAX_DEVS)."""


def weigh(state: HostState, request: Request, options: Options) -> float:
    """The less the more devices are free: 100 without any, 1 with 99 or more."""
    free = sum(map(len, pci.free(state).values()))
    return MANY - min(free, MANY - 1)
