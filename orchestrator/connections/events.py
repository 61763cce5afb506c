"""libvirt's events over the connection that is there: its client's bytes go through a session beside the batches', to the daemon of the host.

libvirt-python is an extra (`libvirt`): without it nothing is heard, and whoever asks is told so.
"""

from __future__ import annotations

import contextlib
import selectors
import shutil
import socket
import tempfile
import threading
import urllib.parse
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Protocol

from orchestrator.commands import quoting
from orchestrator.connections import watchdog
from orchestrator.model import errors
from orchestrator.model.host import Host
from orchestrator.ports.events import Heard

RELAY = ("sh", "-c", 'command -v virt-ssh-helper >/dev/null && exec virt-ssh-helper "$1"; exec nc -U "$2"', "relay")
"""Stdin and stdout to the daemon's socket, as libvirt's own `qemu+ssh` does it; of libvirt before 6.8 by netcat."""
URI, SOCKET = "qemu:///system", "/run/libvirt/libvirt-sock"
PAUSE, LONGEST = 1.0, 30.0
"""Seconds before listening is tried again, twice as long each time, at most."""
KEEPALIVE = 5
"""Seconds between libvirt's signs of life; after three without an answer its daemon counts as gone."""
PIECE = 64 * 1024
WORDS = {"DEFINED", "UNDEFINED", "STARTED", "SUSPENDED", "RESUMED", "STOPPED", "SHUTDOWN", "PMSUSPENDED", "CRASHED"}
"""What can happen to a domain: VIR_DOMAIN_EVENT_..., each with details of its own."""
CLOSED = {2: "libvirt's daemon does not answer any more"}
"""VIR_CONNECT_CLOSE_REASON_KEEPALIVE: what no end of a stream would say."""
MISSING = "libvirt-python is not installed here: pip install 'orchestrator[libvirt]'"


class Far(Protocol):
    """The host's end: a channel, or a socket."""

    def recv(self, size: int, /) -> bytes: ...

    def send(self, data: bytes, /) -> int: ...

    def fileno(self) -> int: ...

    def close(self) -> None: ...


Stream = Callable[[Host, Sequence[str]], contextlib.AbstractContextManager[Far]]
"""A command on the host, its stdin and stdout. Raises HostError."""


class LibvirtEvents:
    """Fulfils ports.events.Events. A thread a host, and one for libvirt's own loop. `silence`: seconds after which a daemon that says nothing is given up."""

    def __init__(self, stream: Stream, silence: float = watchdog.SILENCE) -> None:
        self._stream, self._silence = stream, silence
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._library: ModuleType | None = None
        self._folder: Path | None = None
        self._lines: set[_Line] = set()
        self._count = 0

    def listen(self, host: Host, heard: Callable[[Heard], None]) -> None:
        """See the port."""
        library = self._loaded()
        if library is None:
            heard(Heard(host.name, "deaf", detail=MISSING))
            return
        threading.Thread(target=self._attend, args=(library, host, heard), name=f"events-{host.name}", daemon=True).start()

    def close(self) -> None:
        """See the port."""
        self._closed.set()
        with self._lock:
            for line in self._lines:
                line.over.set()
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)

    def _loaded(self) -> ModuleType | None:
        """libvirt-python with its loop running, or None where it is not installed."""
        with self._lock:
            if self._library is None:
                try:
                    import libvirt
                except ImportError:
                    return None
                libvirt.registerErrorHandler(lambda context, error: None, None)  # it would print what we report as our errors
                libvirt.virEventRegisterDefaultImpl()
                threading.Thread(target=_loop, args=(libvirt,), name="libvirt", daemon=True).start()
                self._library = libvirt
                self._folder = Path(tempfile.mkdtemp(prefix="orchestrator-"))
            return self._library

    def _attend(self, library: ModuleType, host: Host, heard: Callable[[Heard], None]) -> None:
        pause = PAUSE
        while not self._closed.is_set():
            listened = False

            def told(found: Heard) -> None:
                nonlocal listened
                listened = listened or found.kind == "listening"
                heard(found)

            try:
                why = self._session(library, host, told)
            except (errors.HostError, library.libvirtError, OSError) as error:
                why = quoting.line(str(error))
            if self._closed.is_set():
                return
            heard(Heard(host.name, "lost", detail=why))
            pause = PAUSE if listened else min(2 * pause, LONGEST)
            self._closed.wait(pause)

    def _session(self, library: ModuleType, host: Host, heard: Callable[[Heard], None]) -> str:
        """Listen until that ends; why it did. Raises HostError, libvirtError, OSError."""
        line = _Line(self._silence)
        with self._lock:
            self._count += 1
            path = self._folder / str(self._count) if self._folder else Path()
            self._lines.add(line)
        try:
            with self._stream(host, (*RELAY, URI, SOCKET)) as far, socket.socket(socket.AF_UNIX) as door:
                door.bind(str(path))
                door.listen(1)
                carrier = threading.Thread(target=line.carry, args=(door, far), name=f"carry-{host.name}", daemon=True)
                carrier.start()
                try:
                    _follow(library, f"qemu+unix:///system?socket={urllib.parse.quote(str(path))}", line, _tells(library, host.name, heard))
                finally:
                    line.over.set()
                    carrier.join()
        finally:
            path.unlink(missing_ok=True)
            with self._lock:
                self._lines.discard(line)
        return line.why


class _Line:
    """A client's way to `far`, until either ends it, or `over` is set. Until it is `settled`, `silence` seconds without a word end it as well."""

    def __init__(self, silence: float) -> None:
        self.over, self.settled = threading.Event(), threading.Event()
        self.why = "it was closed"
        self._silent = watchdog.after(silence)
        self._patience = silence

    def carry(self, door: socket.socket, far: Far) -> None:
        """Both ways between the one client that comes through the door, and the host."""
        near: socket.socket | None = None
        try:
            door.settimeout(watchdog.INTERVAL)
            while near is None and not self._ended():
                with contextlib.suppress(TimeoutError):
                    near = door.accept()[0]
            if near is not None:
                self._pump(near, far)
        except OSError as error:  # paramiko's of a closed channel are some as well
            self.why = str(error) or "the connection was closed there"
        finally:
            if near is not None:
                near.close()
            self.over.set()

    def _pump(self, near: socket.socket, far: Far) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(near, selectors.EVENT_READ)
            selector.register(far, selectors.EVENT_READ)
            while not self._ended():
                for key, _ in selector.select(timeout=watchdog.INTERVAL):
                    data = near.recv(PIECE) if key.fileobj is near else far.recv(PIECE)
                    if not data:
                        self.why = self.why if key.fileobj is near else "libvirt's daemon, or what led to it, ended"
                        return
                    if key.fileobj is near:
                        while data:
                            data = data[far.send(data) :]
                    else:
                        self._silent = watchdog.after(self._patience)
                        near.sendall(data)

    def end(self, why: str) -> None:
        """Over, and why, where that is known."""
        self.why = why or self.why
        self.over.set()

    def _ended(self) -> bool:
        if not self.settled.is_set() and self._silent():
            self.why = f"libvirt does not answer: {watchdog.silent(self._patience)}"
            return True
        return self.over.is_set()


def _follow(library: ModuleType, uri: str, line: _Line, tells: Callable[..., None]) -> None:
    """Tell what happens to domains until the line is over."""
    connection = library.open(uri)
    try:
        connection.setKeepAlive(KEEPALIVE, 3)
        connection.registerCloseCallback(lambda _, reason, __: line.end(CLOSED.get(reason, "")), None)
        connection.domainEventRegisterAny(None, library.VIR_DOMAIN_EVENT_ID_LIFECYCLE, tells, None)
        line.settled.set()
        tells(None, None, -1, 0, None)
        line.over.wait()
    finally:
        line.over.set()
        with contextlib.suppress(library.libvirtError):
            connection.close()


def _tells(library: ModuleType, host: str, heard: Callable[[Heard], None]) -> Callable[..., None]:
    """libvirt's callback: a domain, what happened to it, and why; without a domain, that it listens."""
    prefix = "VIR_DOMAIN_EVENT_"
    known = {
        name.removeprefix(prefix): value for name, value in vars(library).items() if name.startswith(prefix) and isinstance(value, int)
    }
    words = {value: name.lower() for name, value in known.items() if name in WORDS}

    def tells(connection: object, domain: object, event: int, detail: int, opaque: object) -> None:
        if domain is None:
            heard(Heard(host, "listening"))
            return
        word = words.get(event, str(event))
        why = next((name.lower() for name, value in known.items() if name.startswith(f"{word.upper()}_") and value == detail), "")
        name, uuid = domain.name(), domain.UUIDString()  # type: ignore[attr-defined]  # libvirt's virDomain
        heard(Heard(host, "domain", uuid, f"{name} {word}" + (f" ({why.partition('_')[2]})" if why else "")))

    return tells


def _loop(library: ModuleType) -> None:
    while True:
        library.virEventRunDefaultImpl()
