"""What happens while somebody watches: hosts and their instances as a tree, each with its state, its latest step and how long that took.

Where the terminal has no room for all of them: each host with how many are in which state, those that failed, and those under way longest.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from msgspec import Struct
from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text
from rich.tree import Tree

from orchestrator.cli.progress import BAD, SHARED, counted
from orchestrator.engine.context import Progress
from orchestrator.model import names

STYLES = {"failed": "red", "unknown": "red", "unreachable": "red", "locked": "yellow", "changed": "green"}
REFRESH = 8  # times a second
BAR = 30  # characters


class Row(Struct, frozen=True):
    """The latest about an instance; `since` (seconds) is when it was first heard of, `until` when it ended."""

    progress: Progress
    since: float
    until: float | None = None

    @property
    def word(self) -> str:
        """Its state, or how it ended."""
        return self.progress.result if self.until is not None or self.failed else self.progress.state

    @property
    def failed(self) -> bool:
        return self.progress.result in BAD


Hosts = dict[str, dict[str, Row]]


class View:
    """Rows by host and instance, drawn whenever rich asks for it: all of them where the terminal has room, else what counts."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._begun = clock()
        self._hosts: Hosts = {}
        self._total = 0
        self._lock = threading.Lock()

    def report(self, progress: Progress) -> None:
        """Take note; from any thread."""
        now = self._clock()
        ended = not progress.step and progress.result != ""
        with self._lock:
            if not progress.host:
                self._total = progress.total
                return
            rows = self._hosts.setdefault(progress.host, {})
            name = progress.name or SHARED
            since = rows[name].since if name in rows else now
            rows[name] = Row(progress, since, now if ended else None)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        now = self._clock()
        with self._lock:
            hosts = {host: dict(rows) for host, rows in self._hosts.items()}
        room = max(4, console.size.height - 2)  # a line for the summary, one for the cursor
        if len(hosts) + sum(map(len, hosts.values())) <= room:
            yield _whole(hosts, now)
        else:
            yield from _some(hosts, room, now)
        if self._total:
            yield _summary(hosts, self._total, now - self._begun)


def _whole(hosts: Hosts, now: float) -> Tree:
    tree = Tree("hosts", hide_root=True)
    for host, rows in hosts.items():
        branch = tree.add(_cut(Text(host, style="bold")))
        width = max(len(name) for name in rows)
        for name, row in rows.items():
            branch.add(_cut(_line(name.ljust(width), row, now)))
    return tree


def _some(hosts: Hosts, room: int, now: float) -> Iterator[Text]:
    """A line for each host with how many of its instances are in which state; those that failed, and those that take longest. Hosts with either come first."""
    rows = [(host, name, row) for host, each in hosts.items() for name, row in each.items()]
    telling = sorted(
        (each for each in rows if each[2].failed or each[2].until is None), key=lambda each: (not each[2].failed, each[2].since)
    )
    ranked = sorted(hosts, key=lambda host: min((not row.failed, row.until is not None) for row in hosts[host].values()))
    shown = ranked[: max(room - len(telling), room // 2)]
    shown = shown[:-1] if len(shown) < len(ranked) else shown  # a line for the others
    width = max((len(host) for host in shown), default=0)
    for host in shown:
        yield _cut(Text.assemble((host.ljust(width), "bold"), "  ", counted(row.word for row in hosts[host].values())))
    others = ranked[len(shown) :]
    if others:
        yield _cut(Text(f"{len(others)} hosts more: {counted(row.word for host in others for row in hosts[host].values())}", "dim"))
    for host, name, row in telling[: room - len(shown) - bool(others)]:
        yield _cut(Text.assemble("  ", _line(f"{host}  {name}", row, now)))


def _cut(text: Text) -> Text:
    """One line of the terminal, whatever its width."""
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def _summary(hosts: Hosts, total: int, elapsed: float) -> Text:
    """How far all of it is: a bar, the counts, the time."""
    latest: dict[str, Row] = {}  # one that failed on a host may be under way on another
    for each in hosts.values():
        latest |= {name: row for name, row in each.items() if name != SHARED and (name not in latest or row.since >= latest[name].since)}
    rows = list(latest.values())
    ended = [row for row in rows if row.until is not None]
    failed = sum(row.failed for row in ended)
    filled = BAR * len(ended) // max(total, len(ended), 1)
    told = f"{len(ended)} of {total} done, {failed} failed, {len(rows) - len(ended)} under way, {elapsed:.0f} s"
    return _cut(Text.assemble(("━" * filled, "red" if failed else "green"), ("━" * (BAR - filled), "dim"), " ", told))


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
