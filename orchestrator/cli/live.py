"""What happens while somebody watches: hosts and their instances as a tree, each with its state, its latest step and how long that took."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.live import Live
from rich.text import Text
from rich.tree import Tree

from orchestrator.cli.progress import SHARED
from orchestrator.engine.context import Progress
from orchestrator.model import names

STYLES = {"failed": "red", "unknown": "red", "unreachable": "red", "locked": "yellow", "changed": "green"}
REFRESH = 8  # times a second


@dataclass(frozen=True, slots=True)
class Row:
    """The latest about an instance; `since` (seconds) is when it was first heard of, `until` when it ended."""

    progress: Progress
    since: float
    until: float | None = None


class View:
    """Rows by host and instance, drawn whenever rich asks for it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._hosts: dict[str, dict[str, Row]] = {}
        self._lock = threading.Lock()

    def report(self, progress: Progress) -> None:
        """Take note; from any thread."""
        now = self._clock()
        ended = not progress.step and progress.result != ""
        with self._lock:
            rows = self._hosts.setdefault(progress.host, {})
            name = progress.name or SHARED
            since = rows[name].since if name in rows else now
            rows[name] = Row(progress, since, now if ended else None)

    def __rich__(self) -> Tree:
        now = self._clock()
        tree = Tree("hosts", hide_root=True)
        with self._lock:
            hosts = {host: dict(rows) for host, rows in self._hosts.items()}
        for host, rows in hosts.items():
            branch = tree.add(Text(host, style="bold"))
            width = max(len(name) for name in rows)
            for name, row in rows.items():
                branch.add(_line(name.ljust(width), row, now))
        return tree


def _line(name: str, row: Row, now: float) -> Text:
    told = row.progress
    elapsed = f"{(row.until or now) - row.since:5.1f} s"
    result = told.result if row.until or told.result == "failed" else ""
    words = " ".join(word for word in (told.state, names.step_within(told.state, told.step), result) if word)
    return Text.assemble((name, ""), "  ", (elapsed, "dim"), "  ", (words, STYLES.get(told.result, "") if result else "cyan"))


@contextlib.contextmanager
def view(colored: bool) -> Iterator[Callable[[Progress], None]]:
    """A live view on stderr for the length of the block; reports go to the function."""
    shown = View(time.monotonic)
    console = Console(stderr=True, color_system="auto" if colored else None)
    with Live(shown, console=console, refresh_per_second=REFRESH):
        yield shown.report
