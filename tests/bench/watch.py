"""The unchanged apply again and again in one process, on kept connections: `python -m tests.bench.watch PLAYBOOK TIMES` prints the seconds of each."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from orchestrator.cli.interruption import Interruption
from orchestrator.main import Wiring
from orchestrator.services import apply as service


def main(play: Path, times: int) -> None:
    """The first one opens the connections, and is not told."""
    wiring = Wiring(Interruption(""))
    app = wiring.app()
    for number in range(times + 1):
        began = time.monotonic()
        report = service.apply(app, wiring.desired([play]))
        seconds = time.monotonic() - began
        assert {each.status for each in report.outcomes} == {"unchanged"}, report.recap
        if number:
            print(f"{seconds:.4f}")
    wiring.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
