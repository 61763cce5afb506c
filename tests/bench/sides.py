"""The two sides of each comparison: the command as an operator runs it, and the floor."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct, field

from tests.bench import meter, work
from tests.bench.meter import Cost, HostGroup
from tests.bench.work import Size
from tests.e2e.conftest import Lab, Operator, command

FLOOR = Path(__file__).parent / "floor" / "floor"
PHASES = ("cold", "warm", "noop", "reboot", "delete", "single")
"""As docs/performance.md tells them."""


class Ours(Struct, frozen=True):
    """The command, with a store of its own."""

    operator: Operator
    image: Path
    hosts: HostGroup
    trips: dict[str, list[int]] = field(default_factory=dict)

    def __call__(self, phase: str, size: Size) -> Cost:
        """Run the phase; remember each host's round trips."""
        cost = self.run(phase, size, self.environment)
        trips = json.loads(cost.output[cost.output.index("{") :])["trips"].values()
        self.trips.setdefault(phase, []).append(max(trips))
        return cost

    @property
    def environment(self) -> dict[str, str]:
        """As where it is installed: pip writes the compiled modules, whatever this process was told."""
        kept = {name: value for name, value in self.operator.environment.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return kept | {"PYTHONPYCACHEPREFIX": str(self.operator.folder / "compiled")}

    def run(self, phase: str, size: Size, env: dict[str, str]) -> Cost:
        names = [f"vm-{number}" for number in range(1, size.instances + 1)]
        verbs = {"reboot": ["hard-reboot", *names], "delete": ["destroy", "--yes", *names]}
        argv = verbs.get(phase) or ["apply", str(work.play(self.operator.folder, self.image, size))]
        return meter.run(command(["orchestrator", *argv, "-o", "json"]), self.hosts, env)


class Floor(Struct, frozen=True):
    """The script."""

    lab: Lab
    image: Path
    hosts: HostGroup

    def __call__(self, phase: str, size: Size) -> Cost:
        """Run the phase."""
        folder = self.lab.inventory.parent
        addresses = [str(self.lab.hosts[host]["address"]) for host in size.hosts]
        known = [str(self.image), str(folder / "id_ed25519"), str(folder / "known_hosts"), str(size.instances)]
        return meter.run([str(FLOOR), "warm" if phase == "single" else phase, *known, *addresses], self.hosts)


def forget_images(lab: Lab, hosts: Sequence[str]) -> None:
    """No base image is left on the hosts."""
    for host in hosts:
        shutil.rmtree(lab.files(host) / "var/lib/nova/instances/_base", ignore_errors=True)
