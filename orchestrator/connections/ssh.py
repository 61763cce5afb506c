"""Batches over SSH: one connection a host for the whole run, one channel a batch."""

from __future__ import annotations

import collections
import contextlib
import shlex
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from orchestrator.commands import session
from orchestrator.commands.command import Batch, Record
from orchestrator.connections import connect, exchange, library, route, ssh_config, watchdog
from orchestrator.model import errors
from orchestrator.model.host import Host

if TYPE_CHECKING:
    import paramiko

RECEIVE = 256 * 1024


class SshTransport:
    """Fulfils ports.transport.Transport. Connections open when first needed and again after a loss."""

    def __init__(self, silence: float = watchdog.SILENCE) -> None:
        self._config = ssh_config.Config()
        self._dog = watchdog.Watchdog(silence)
        self._lock = threading.Lock()
        self._connections: dict[tuple[route.Hop, ...], connect.Connection] = {}
        self._opening: dict[tuple[route.Hop, ...], threading.Lock] = collections.defaultdict(threading.Lock)
        self._gates: dict[tuple[str, int], threading.BoundedSemaphore] = {}
        self._trips: collections.Counter[str] = collections.Counter()
        self._closed = False
        self._lost: dict[tuple[route.Hop, ...], errors.HostError] = {}  # what came of attempts ahead, until a batch goes there
        self._asked: set[tuple[route.Hop, ...]] = set()  # by batches

    def open(self, hosts: Iterable[Host], forks: int) -> None:
        """Begin to connect to the hosts, `forks` at a time, while the caller does something else; what goes wrong is raised by `run`.

        On each the shell that the first batch talks to is begun as well: two round trips, and a shell's start, that it is spared.
        """
        waiting = collections.deque(hosts)
        threads = min(forks, len(waiting))

        def work() -> None:
            while waiting:
                with contextlib.suppress(IndexError):  # another thread took the last one
                    self._open(waiting.popleft())

        for _ in range(threads):
            threading.Thread(target=work, daemon=True).start()  # daemon: nobody waits for a host that no batch went to
        if threads:
            library.load()  # before whatever the caller imports: hosts work from then on

    def _open(self, host: Host) -> None:
        try:
            hops = route.resolve(host, self._config)
        except errors.HostError:  # `run` finds the same
            return
        with contextlib.suppress(errors.HostError):  # kept for `run`
            connection = self._connection(hops, ahead=_shell(host, hops[-1]))
            with self._lock:
                late = self._closed
            if late:
                connection.close()

    def run(self, host: Host, batch: Batch, on_record: Callable[[Record], None]) -> tuple[Record, ...]:
        """Run the batch on the host; see the port. Raises Unreachable, OutcomeUnknown, and HostError when the host refused it untouched."""
        hops = route.resolve(host, self._config)
        talk = exchange.Exchange(hops[-1].where, batch, on_record)
        command = _shell(host, hops[-1])
        connection = self._connection(hops)
        with self._lock:
            self._trips[host.name] += 1
        with connection.sessions:
            silent = connection.silence()
            with self._dog.watch(silent, connection.abort):
                return _converse(connection, command, talk, silent)

    @contextlib.contextmanager
    def stream(self, host: Host, argv: Sequence[str]) -> Iterator[paramiko.Channel]:
        """A command on the host, its stdin and stdout as a channel, for as long as the block lasts; it takes one of the connection's sessions.

        Raises Unreachable.
        """
        hops = route.resolve(host, self._config)
        connection = self._connection(hops)
        with connection.sessions:
            try:
                with self._dog.watch(connection.silence(), connection.abort):
                    channel = _session(connection)
                    channel.exec_command(shlex.join((*_root(host, hops[-1]), *argv)))
            except library.faults() as error:
                raise errors.Unreachable("cannot open a session", hops[-1].where, connect.reason(error, connection.patience)) from error
            try:
                yield channel
            finally:
                channel.close()

    def trips(self, host: str) -> int:
        """Batches sent to the host so far."""
        return self._trips[host]

    def close(self) -> None:
        """Close every connection, the farthest first, and end the watchdog."""
        with self._lock:
            connections = sorted(self._connections.items(), key=lambda item: -len(item[0]))
            self._connections.clear()
            self._closed = True
        for _, connection in connections:
            connection.close()
        self._dog.close()

    def _connection(self, hops: tuple[route.Hop, ...], ahead: str = "") -> connect.Connection:
        """The open connection along these hops; servers jumped through are shared by all behind them.

        `ahead`: no batch waits for it, and this command is begun there for the first.
        """
        with self._lock:
            opening = self._opening[hops]
        with opening:
            lost = self._lost.pop(hops, None)
            known = self._connections.get(hops)
            if known is not None and known.alive:
                return known
            if lost is not None:  # to try again at once would cost its time once more
                raise lost
            if known is not None:
                known.close()
            if ahead and hops in self._asked:
                raise errors.Unreachable("not tried ahead", hops[-1].where, "a batch tried before")
            try:
                fresh = self._fresh(hops)
                if ahead:
                    self._prepare(fresh, ahead, hops[-1])
            except errors.HostError as error:
                if ahead:
                    self._lost[hops] = error
                raise
            finally:
                if not ahead:
                    self._asked.add(hops)
            with self._lock:
                self._connections[hops] = fresh
            return fresh

    def _prepare(self, connection: connect.Connection, command: str, hop: route.Hop) -> None:
        """Begin the command there. Raises Unreachable when the host falls silent over it."""
        with self._dog.watch(connection.silence(), connection.abort):
            connection.prepare(command)
        if not connection.alive:
            raise errors.Unreachable("connection lost", hop.where, watchdog.silent(connection.patience), "nothing was changed")

    def _fresh(self, hops: tuple[route.Hop, ...]) -> connect.Connection:
        through = self._connection(hops[:-1]) if len(hops) > 1 else None
        with connect.throttled(self._gates, hops[-1], self._lock):
            return connect.connect(hops[-1], through, self._dog)


def _root(host: Host, hop: route.Hop) -> tuple[str, ...]:
    """What comes before a command that is root's."""
    return ("sudo", "-n", "--") if host.become and hop.user != "root" else ()


def _shell(host: Host, hop: route.Hop) -> str:
    """What a batch talks to."""
    return shlex.join([*_root(host, hop), "sh", "-c", session.BOOTSTRAP])


def _converse(connection: connect.Connection, command: str, talk: exchange.Exchange, silent: Callable[[], bool]) -> tuple[Record, ...]:
    """Execute the command on a channel of its own and talk to its end. Its stdin is never closed: paramiko loses output after an EOF."""
    channel: paramiko.Channel | None = None
    try:
        channel = connection.prepared(command)
        if channel is None:
            channel = _session(connection)
            channel.exec_command(command)  # waits without a deadline of its own; so does much below: hence the watchdog
        channel.settimeout(connection.patience)
        if not _send(connection, channel, talk):
            _receive(connection, channel, talk)
        return talk.results()
    except library.faults() as error:
        if gone := silent():
            connection.abort()
        raise talk.cut(watchdog.silent(connection.patience) if gone else connect.reason(error, connection.patience)) from error
    finally:
        if channel is not None:
            with contextlib.suppress(*library.faults()):
                channel.close()


def _session(connection: connect.Connection) -> paramiko.Channel:
    """A new channel. The server may still count sessions that were closed here, and refuse; paramiko tells one of several refused at once why."""
    import paramiko

    expired = watchdog.after(connection.patience)
    while True:
        try:
            return connection.transport.open_session(timeout=connection.patience)
        except paramiko.SSHException:
            if expired() or not connection.alive:
                raise
            time.sleep(0.02)


def _send(connection: connect.Connection, channel: paramiko.Channel, talk: exchange.Exchange) -> bool:
    """Send all; True when the session has ended before it took all. Raises TimeoutError when it neither takes nor says anything."""
    try:
        for piece in talk.payload():
            rest = piece
            while rest:
                try:
                    rest = rest[channel.send(rest) :]
                except TimeoutError:
                    if not channel.recv_ready():
                        raise
                while channel.recv_ready():
                    if talk.hear(channel.recv(RECEIVE)):
                        return True
    except OSError as error:
        if isinstance(error, TimeoutError) or not connection.alive:
            raise
        _receive(connection, channel, talk)  # closed there: its last words say why
        return True
    return False


def _receive(connection: connect.Connection, channel: paramiko.Channel, talk: exchange.Exchange) -> None:
    """Listen to the end. Raises what the end of the channel means when the session never said that it ended."""
    while data := channel.recv(RECEIVE):
        if talk.hear(data):
            return
    while data := channel.recv_stderr(RECEIVE):  # apart from stdout, which it may overtake or follow: only of use without a greeting
        talk.hear(data)
    if not connection.alive:
        raise EOFError("the connection was closed there")
    raise talk.closed("the session was ended there")
