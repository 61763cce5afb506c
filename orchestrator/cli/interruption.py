"""Ctrl-C and SIGTERM: the first waits for a safe point when something is being changed, the second ends at once.

Nothing is lost either way: what was begun is recorded, and the hosts finish the commands that they have.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from types import FrameType

from orchestrator.cli import secrecy

GRACE = 10.0
"""Seconds that batches under way get to end."""

VARIABLE = re.compile(r"(-e|--var=)(.+)", re.DOTALL)


class Interruption:
    """The operator's wish to stop. `patient`: something is being changed. `resume`: how to go on. `code`: the exit code once it was wished, else 0.

    `finished`: it came too late to keep anything from being done.
    """

    def __init__(self, resume: str) -> None:
        self.stopping = threading.Event()
        self.patient = False
        self.resume = resume
        self.code = 0
        self.finished = False

    def install(self) -> None:
        """Listen from now on. Only in the main thread."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._heard)

    @property
    def message(self) -> str:
        """What to do next."""
        what = "terminated" if self.code == 128 + signal.SIGTERM else "interrupted"
        if self.finished:
            return f"{what}, but everything was done all the same: nothing is left to resume"
        return f"{what}; resume with: {self.resume}" if self.patient else what

    def _heard(self, number: int, frame: FrameType | None) -> None:
        if self.code:
            self._end()
        self.code = 128 + number
        if not self.patient:
            raise KeyboardInterrupt
        self.stopping.set()
        _tell(f"stopping: what runs on the hosts gets {GRACE:.0f} s to end (once more: at once)")
        timer = threading.Timer(GRACE, self._end)
        timer.daemon = True
        timer.start()

    def _end(self) -> None:
        """The process ends here, whatever its threads wait for."""
        _tell(self.message)
        os._exit(self.code)


def again(arguments: Sequence[str]) -> str:
    """The command line to type once more, without secrets: logs keep what is printed."""
    return shlex.join(["orchestrator", *_shown(arguments)])


def _shown(arguments: Sequence[str]) -> Iterator[str]:
    last = ""
    for word in arguments:
        joined = VARIABLE.fullmatch(word)
        if last in ("-e", "--var"):
            yield secrecy.assignment(word)
        elif joined:
            yield joined[1] + secrecy.assignment(joined[2])
        else:
            yield word
        last = word


def _tell(text: str) -> None:
    """Straight to the terminal: a signal may come while a stream's lock is held. The cursor, which a live view hides, comes back."""
    cursor = "\x1b[?25h" if sys.stderr is not None and os.isatty(2) else ""
    try:
        os.write(2, f"{cursor}{text}\n".encode())
    except OSError:
        return
