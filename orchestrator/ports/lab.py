"""Practice hosts: compute hosts that live on this machine, to learn and to test on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from orchestrator.model.lab import LabStatus


class Lab(Protocol):
    """Labs by name, and the guest image made for them. Every method raises OrchestratorError, and nothing else."""

    def up(self, name: str, hosts: int | None) -> LabStatus:
        """Make the lab have this many running hosts, and return it; None: as many as it has, 2 for a new one.

        Hosts that run are left alone, dead ones are started again, none is ever taken away.
        """

    def down(self, name: str) -> bool:
        """Remove the lab, guests and disks included. Returns False when there was nothing to remove."""

    def reboot(self, name: str, hosts: Sequence[str]) -> LabStatus:
        """Cut the power of these hosts, all of them before any is started again, and return the lab once they answer.

        Raises NotFound when there is no such lab, or no such host in it: before anything is done.
        """

    def status(self, name: str) -> LabStatus:
        """The lab as it is now. Raises NotFound when there is none."""

    def ssh(self, name: str, host: str, argv: Sequence[str]) -> int:
        """Run a command, or a login shell when argv is empty, on a host, with this process's terminal. Returns its exit code."""

    def image(self, path: Path | None) -> Path:
        """Make the guest image at `path` (None: in the labs' folder), if it is not there. Returns where it is."""
