"""The command as a process of its own, on in-memory hosts in $FLEET whose every command takes $SLOW seconds; says `begun` when the first does."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from orchestrator import main
from orchestrator.cli import interruption
from tests.cli.world import Ids
from tests.fakes.host import FakeFleet


class Slow(main.Wiring):
    """The real wiring, but for the hosts."""

    def __init__(self, wish: interruption.Interruption) -> None:
        super().__init__(wish)
        self.ids = Ids()  # type: ignore[assignment]
        folder = Path(os.environ["FLEET"])
        self.transport = FakeFleet.load(folder) if folder.exists() else FakeFleet(["n1", "n2"], folder)  # type: ignore[assignment,misc]
        self.transport.on_action = slow  # type: ignore[attr-defined]

    def reach(self, hosts: Iterable[str]) -> None:
        """Hosts in memory need no connection."""


def slow(*what: object) -> None:
    """A while passes, and somebody who waits for this moment is told."""
    if what[-1] == "before":
        Path(os.environ["FLEET"], "begun").touch()
        time.sleep(float(os.environ.get("SLOW", "0")))


if __name__ == "__main__":
    interruption.GRACE = float(os.environ.get("GRACE", "10"))
    main.Wiring = Slow  # type: ignore[misc]
    sys.argv[0] = "orchestrator"
    main.main()
