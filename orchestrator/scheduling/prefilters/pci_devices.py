"""PCI devices as a claim (Placement: nova `[filter_scheduler] pci_in_placement`): a guest gets those that it asks for, whatever filters are enabled."""

from __future__ import annotations

from orchestrator.scheduling.filters import pci_passthrough

NAME = "PCI devices"
judge = pci_passthrough.judge
