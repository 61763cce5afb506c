"""Which runs live: each holds a file's lock while its process lives; the kernel lets go however the process ends.

No pid is looked up and no heartbeat waited for: a pid is used again, a busy process looks dead (Ganeti's job files do
the same).
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class Locks:
    """The lock files of runs in `folder`, named by run id; those of this process's runs are held."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, int] = {}

    def hold(self, run: str) -> None:
        """Make the run live, before anyone can read of it: one that is read of and not locked is dead. Raises OSError."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(self._folder / run, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)  # not inherited by children
        self._held[run] = descriptor
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def alive(self, run: str) -> bool:
        """Whether a process, this one included, holds the run. Raises OSError."""
        try:
            descriptor = os.open(self._folder / run, os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: two that ask at once are no holders
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def drop(self, run: str) -> None:
        """End the run's life, or clear away what a dead one left."""
        (self._folder / run).unlink(missing_ok=True)
        if run in self._held:
            os.close(self._held.pop(run))

    def close(self) -> None:
        """Let go of every run of this process; their files stay, as those of dead runs do."""
        while self._held:
            os.close(self._held.popitem()[1])
