"""Deadlines of our own: paramiko waits for ever at several points when its peer has gone silent."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

SILENCE = 12.0
"""Seconds without a byte from the peer, or for connecting, after which it counts as gone, unless told otherwise. Sessions send a heartbeat every 4 s."""

INTERVAL = 0.5


class Watch:
    """One thing watched; `fired` when it was ended."""

    def __init__(self, expired: Callable[[], bool], abort: Callable[[], None]) -> None:
        self.expired, self.abort, self.fired = expired, abort, False


class Watchdog:
    """One thread that ends what has expired. It starts with the first watch and ends with `close`. `silence`: in seconds, what SILENCE is by default."""

    def __init__(self, silence: float = SILENCE) -> None:
        self.silence = silence
        self._watches: set[Watch] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    @contextlib.contextmanager
    def watch(self, expired: Callable[[], bool], abort: Callable[[], None]) -> Iterator[Watch]:
        """Call `abort` (in the watchdog's thread, once) if `expired` becomes true before the block ends."""
        watch = Watch(expired, abort)
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
                self._thread.start()
            self._watches.add(watch)
            self._changed.notify()
        try:
            yield watch
        finally:
            with self._changed:
                self._watches.discard(watch)

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._closed:
                    self._changed.wait(INTERVAL if self._watches else None)
                if self._closed:
                    return
                due = [watch for watch in self._watches if watch.expired()]
                self._watches.difference_update(due)
            for watch in due:
                watch.fired = True
                watch.abort()


def after(seconds: float) -> Callable[[], bool]:
    """True once `seconds` have passed from now."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end


def silent(seconds: float) -> str:
    """Why a peer was given up."""
    return f"no sign of life for {seconds:g} s"
