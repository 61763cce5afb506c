"""Batches on this machine: the same script through a subprocess."""

from __future__ import annotations

import collections
import contextlib
import os
import selectors
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from orchestrator.commands import session
from orchestrator.commands.command import Batch, Record
from orchestrator.connections import exchange, watchdog
from orchestrator.model import errors
from orchestrator.model.host import Host

RECEIVE = 256 * 1024


class LocalTransport:
    """Fulfils ports.transport.Transport for hosts with `connection: local`."""

    def __init__(self, silence: float = watchdog.SILENCE) -> None:
        self._silence = silence
        self._trips: collections.Counter[str] = collections.Counter()
        self._lock = threading.Lock()

    def run(self, host: Host, batch: Batch, on_record: Callable[[Record], None]) -> tuple[Record, ...]:
        """Run the batch here; see the port. Raises Unreachable, OutcomeUnknown, and HostError when it was refused untouched."""
        talk = exchange.Exchange(f"{host.name} (local)", batch, on_record)
        with self._lock:
            self._trips[host.name] += 1
        with _session((*_root(host), "sh", "-c", session.BOOTSTRAP), talk) as process:
            _converse(process, talk, self._silence)
        return talk.results()

    @contextlib.contextmanager
    def stream(self, host: Host, argv: Sequence[str]) -> Iterator[socket.socket]:
        """A command here, its stdin and stdout as a socket, for as long as the block lasts. Raises Unreachable."""
        near, far = socket.socketpair()
        with near, far:
            try:
                process = subprocess.Popen(
                    (*_root(host), *argv), stdin=far.fileno(), stdout=far.fileno(), stderr=subprocess.DEVNULL, start_new_session=True
                )
            except OSError as error:
                raise errors.Unreachable(f"cannot run {argv[0]}", f"{host.name} (local)", error.strerror or "") from error
            far.close()
            try:
                yield near
            finally:
                near.close()
                _ended(process)

    def trips(self, host: str) -> int:
        """Batches run for the host so far."""
        return self._trips[host]

    def close(self) -> None:
        """Nothing stays open."""


@contextlib.contextmanager
def _session(argv: tuple[str, ...], talk: exchange.Exchange) -> Iterator[subprocess.Popen[bytes]]:
    """The session's process, in a session of its own so that Ctrl-C here does not reach it; gone when the block ends."""
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(argv, bufsize=0, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, start_new_session=True)
    except OSError as error:
        raise talk.cut(f"{argv[0]}: {error.strerror}") from error
    try:
        yield process
    finally:
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
        _ended(process)


def _root(host: Host) -> tuple[str, ...]:
    """What comes before a command that is root's."""
    return ("sudo", "-n", "--") if host.become and os.geteuid() != 0 else ()


def _ended(process: subprocess.Popen[bytes]) -> None:
    """A process that has lost its pipes, or its socket, and so ends."""
    try:
        process.wait(timeout=1)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(PermissionError):  # sudo's: it ends by itself, having lost its pipes
            process.kill()
            process.wait()


def _converse(process: subprocess.Popen[bytes], talk: exchange.Exchange, silence: float) -> None:
    """Send and listen at once until the session ends. Raises what a silent or early end means."""
    if process.stdin is None or process.stdout is None:
        raise talk.cut("no pipes")
    pieces = talk.payload()
    rest = memoryview(next(pieces))
    os.set_blocking(process.stdin.fileno(), False)
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdin, selectors.EVENT_WRITE)
        selector.register(process.stdout, selectors.EVENT_READ)
        heard = time.monotonic()
        while True:
            for key, _ in selector.select(timeout=1):
                if key.fileobj is process.stdin:
                    rest = _written(process.stdin.fileno(), rest) or memoryview(next(pieces, b""))
                    if not rest:
                        selector.unregister(process.stdin)
                    continue
                data = os.read(process.stdout.fileno(), RECEIVE)
                heard = time.monotonic()
                if data and talk.hear(data):
                    return
                if not data:
                    raise talk.closed("the session was ended")
            if time.monotonic() - heard > silence:
                raise talk.cut(watchdog.silent(silence))


def _written(descriptor: int, rest: memoryview) -> memoryview:
    """What is left after one write; nothing when the reader has gone, whose last words then say why."""
    try:
        return rest[os.write(descriptor, rest) :]
    except BrokenPipeError:
        return memoryview(b"")
