"""Ctrl-C and SIGTERM: the first waits for a safe point when something is being changed, the second ends at once. Nothing is lost either way: what
was begun is recorded, and the hosts finish the commands that they have."""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType

GRACE = 10.0
"""Seconds that batches under way get to end."""


class Interruption:
    """The operator's wish to stop. `patient`: something is being changed. `code`: the exit code once it was wished, else 0."""

    def __init__(self, resume: str) -> None:
        self.stopping = threading.Event()
        self.patient = False
        self.code = 0
        self._resume = resume

    def install(self) -> None:
        """Listen from now on. Only in the main thread."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._heard)

    @property
    def message(self) -> str:
        """What to do next."""
        return f"{'terminated' if self.code == 128 + signal.SIGTERM else 'interrupted'}; resume with: {self._resume}"

    def _heard(self, number: int, frame: FrameType | None) -> None:
        if self.code:
            self._end()
        self.code = 128 + number
        if not self.patient:
            raise KeyboardInterrupt
        self.stopping.set()
        _tell(f"stopping: what runs on the hosts gets {GRACE:.0f} s to end (again: at once)")
        timer = threading.Timer(GRACE, self._end)
        timer.daemon = True
        timer.start()

    def _end(self) -> None:
        """The process ends here, whatever its threads wait for."""
        _tell(self.message if self.patient else "interrupted")
        os._exit(self.code)


def _tell(text: str) -> None:
    """Straight to the terminal: a signal may come while a stream's lock is held. The cursor, which a live view hides, comes back."""
    cursor = "\x1b[?25h" if sys.stderr is not None and os.isatty(2) else ""
    try:
        os.write(2, f"{cursor}{text}\n".encode())
    except OSError:
        return
