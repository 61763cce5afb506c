"""Opening one SSH connection: TCP, key exchange, the host's key checked, login; all within one deadline."""

from __future__ import annotations

import collections
import contextlib
import shlex
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from orchestrator.connections import identity, known_hosts, library, watchdog
from orchestrator.connections.route import Hop
from orchestrator.model import errors

if TYPE_CHECKING:
    import paramiko

SESSIONS = 8
"""Sessions at a time on one connection: sshd's stock MaxSessions is 10, and closed ones may linger."""

LOGINS = 6
"""Logins at a time to one address: sshd's stock MaxStartups begins to drop connections at 10."""

PAUSES = (0.1, 0.3, 0.9, 2.7)
"""Seconds before trying again where a server hung up at once."""

CIPHER = "aes128-gcm@openssh.com"
EXCHANGE = "curve25519-sha256@libssh.org"
"""Both a fraction of the CPU of the defaults (measured); all others stay on offer behind them."""

QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)
"""Acknowledge at once: sshd holds its answer to the first channel back for a delayed one, 40 ms a connection (measured). Linux has it."""

ALGORITHMS = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}
"""Signature algorithms of a key type where they are not the type's own name."""


class Line:
    """A socket that remembers when it last heard something: of everything on a connection, the sign that its peer lives."""

    def __init__(self, carrier: socket.socket | paramiko.Channel) -> None:
        self.heard = time.monotonic()
        self._carrier = carrier
        self._closed = False  # paramiko asks a socket for it by this name

    def recv(self, size: int) -> bytes:
        data = self._carrier.recv(size)
        if data:
            self.heard = time.monotonic()
        if QUICKACK is not None and isinstance(self._carrier, socket.socket):
            self._carrier.setsockopt(socket.IPPROTO_TCP, QUICKACK, 1)  # holds for the next few packets only
        return data

    def send(self, data: bytes) -> int:
        return self._carrier.send(data)

    def settimeout(self, seconds: float | None) -> None:
        self._carrier.settimeout(seconds)

    def close(self) -> None:
        self._closed = True
        self._carrier.close()

    def drop(self) -> None:
        """Throw away what is still unsent: it must not arrive after the peer was given up."""
        if isinstance(self._carrier, socket.socket):
            with contextlib.suppress(OSError):
                self._carrier.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Connection:
    """An open, authenticated connection; `patience`: seconds of silence after which its peer counts as gone."""

    def __init__(self, transport: paramiko.Transport, line: Line, through: Connection | None, patience: float) -> None:
        self.transport, self.patience = transport, patience
        self.sessions = threading.BoundedSemaphore(SESSIONS)
        self._line, self._through = line, through
        self._prepared: collections.deque[tuple[str, paramiko.Channel]] = collections.deque()

    @property
    def alive(self) -> bool:
        return self.transport.is_active()

    def prepare(self, command: str) -> None:
        """Execute the command in a session for who comes first; where that fails they find out themselves."""
        with contextlib.suppress(*library.faults()):
            channel = self.transport.open_session(timeout=self.patience)
            channel.exec_command(command)
            self._prepared.append((command, channel))

    def prepared(self, command: str) -> paramiko.Channel | None:
        """The session in which the command waits to be told more, if there is one."""
        with contextlib.suppress(IndexError):
            while True:
                begun, channel = self._prepared.popleft()
                if begun == command and not channel.closed:  # the server may not have kept it
                    return channel
        return None

    def silence(self) -> Callable[[], bool]:
        """True, when called, if from now on nothing was heard for so long that the peer counts as gone."""
        start = time.monotonic()
        return lambda: time.monotonic() - max(start, self._line.heard) > self.patience

    def abort(self) -> None:
        """Close at once, without a farewell; and so the connection that carries it, if that is silent as well."""
        self._line.drop()
        self.close()
        if self._through is not None:
            self._through.abandon()

    def abandon(self) -> None:
        """Abort if nothing was heard for so long that the peer counts as gone."""
        if time.monotonic() - self._line.heard > self.patience:
            self.abort()

    def close(self) -> None:
        self.transport.close()
        self._line.close()


class _Dropped(errors.Unreachable):
    """The server hung up before it said anything: MaxStartups, when others log in there as well."""


def connect(hop: Hop, through: Connection | None, dog: watchdog.Watchdog) -> Connection:
    """Connect and log in within the watchdog's `silence`. Raises Unreachable: no answer, a host key unknown, changed or revoked, no accepted key."""
    expired = watchdog.after(dog.silence)
    for pause in PAUSES:
        try:
            return _attempt(hop, through, dog, expired)
        except _Dropped:
            time.sleep(pause)
    return _attempt(hop, through, dog, expired)


def _attempt(hop: Hop, through: Connection | None, dog: watchdog.Watchdog, expired: Callable[[], bool]) -> Connection:
    line: Line | None = None
    transport: paramiko.Transport | None = None

    def abort() -> None:
        if line is not None:
            line.close()
        if transport is not None:
            transport.close()

    with dog.watch(expired, abort) as watch:
        try:
            line = Line(_carrier(hop, through, dog.silence))
            library.load()  # only now: the server begins to speak meanwhile
            import paramiko

            transport = paramiko.Transport(line)  # type: ignore[arg-type]  # any object with a socket's four methods
            _handshake(transport, hop, dog.silence)
            identity.authenticate(transport, hop)
            return Connection(transport, line, through, dog.silence)
        except errors.OrchestratorError:
            abort()
            if watch.fired:
                raise _unreachable(hop, watchdog.silent(dog.silence)) from None
            raise
        except library.faults() as error:
            abort()
            if watch.fired and through is not None:
                through.abandon()
            if transport is not None and not transport.remote_version and not watch.fired:
                raise _unreachable(hop, "the server hung up before it said anything", _Dropped) from error
            raise _unreachable(hop, watchdog.silent(dog.silence) if watch.fired else reason(error, dog.silence)) from error


def reason(error: BaseException, patience: float) -> str:
    """Why, in words, for exceptions that may have none; `patience`: seconds that were waited at most."""
    if isinstance(error, TimeoutError):
        return watchdog.silent(patience)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or "the connection was closed there"


def _unreachable(hop: Hop, why: str, kind: type[errors.Unreachable] = errors.Unreachable) -> errors.Unreachable:
    return kind("cannot connect", where=hop.where, why=why, hint=f"try: ssh -p {hop.port} {hop.user}@{hop.address}")


def _carrier(hop: Hop, through: Connection | None, patience: float) -> socket.socket | paramiko.Channel:
    if through is not None:
        target = (hop.address, hop.port)
        return through.transport.open_channel("direct-tcpip", target, ("127.0.0.1", 0), timeout=patience)
    found = socket.getaddrinfo(hop.address, hop.port, type=socket.SOCK_STREAM)
    carrier = socket.create_connection((hop.address, hop.port), timeout=patience / len(found))  # for each address
    carrier.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # 44 ms a command otherwise
    return carrier


def _handshake(transport: paramiko.Transport, hop: Hop, patience: float) -> None:
    """Exchange keys and check the host's. Only key types known for the host are asked for, so that it shows the one we can check."""
    known = known_hosts.entries(hop.known_hosts, hop.address, hop.port)
    options = transport.get_security_options()
    types = [name for entry in known if not entry.revoked for name in ALGORITHMS.get(entry.key_type, (entry.key_type,))]
    options.key_types = tuple(dict.fromkeys(name for name in types if name in options.key_types)) or options.key_types
    options.ciphers = _first(CIPHER, tuple(options.ciphers))
    options.kex = _first(EXCHANGE, tuple(options.kex))
    transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = patience
    transport.start_client(timeout=patience)
    key = transport.get_remote_server_key()
    _verify(hop, known, key.get_name(), key.asbytes())


def _first(wanted: str, offered: tuple[str, ...]) -> tuple[str, ...]:
    return (wanted, *(name for name in offered if name != wanted)) if wanted in offered else offered


def _verify(hop: Hop, known: tuple[known_hosts.Entry, ...], key_type: str, blob: bytes) -> None:
    shown = f"{key_type} {known_hosts.fingerprint(blob)}"
    revoked = [entry.place for entry in known if entry.revoked and entry.blob == blob]
    if revoked:
        raise errors.Unreachable("the host key is revoked", where=hop.where, why=f"{shown}, revoked in {revoked[0]}")
    valid = [entry for entry in known if not entry.revoked]
    if any(entry.blob == blob for entry in valid):
        return
    file = hop.known_hosts[0]
    accept = shlex.join(["ssh-keyscan", "-p", str(hop.port), "-t", key_type.removeprefix("ssh-").split("-")[0], hop.address])
    accept = f"{accept} >> {shlex.quote(file)}"
    if valid:
        expected = ", ".join(f"{entry.key_type} {known_hosts.fingerprint(entry.blob)} ({entry.place})" for entry in valid)
        name = hop.address if hop.port == 22 else f"[{hop.address}]:{hop.port}"
        remove = shlex.join(["ssh-keygen", "-R", name, "-f", valid[0].place.rpartition(":")[0]])
        raise errors.Unreachable(
            "the host key has changed",
            where=hop.where,
            why=f"expected {expected}, got {shown}",
            hint=f"somebody may stand between; if the host was installed anew: {remove}; {accept}",
        )
    if hop.strict:
        raise errors.Unreachable(
            "the host key is not known",
            where=hop.where,
            why=f"it shows {shown}, and {' and '.join(hop.known_hosts)} have no key for it",
            hint=f"compare the fingerprint with the host's own (ssh-keygen -lf), then: {accept}",
        )


@contextlib.contextmanager
def throttled(gates: dict[tuple[str, int], threading.BoundedSemaphore], hop: Hop, lock: threading.Lock) -> Iterator[None]:
    """Wait for one of an address's LOGINS."""
    with lock:
        gate = gates.setdefault((hop.address, hop.port), threading.BoundedSemaphore(LOGINS))
    with gate:
        yield
