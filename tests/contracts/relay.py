"""A relay that makes a connection on this machine distant and slow: every byte comes late, and only so many a second (no netem needed)."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Iterator


@contextlib.contextmanager
def relay(port: int, delay: float, rate: float = 1e9) -> Iterator[int]:
    """A port that leads to `port` with `delay` seconds each way, at `rate` bytes a second each way."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_serve, args=(listener, port, delay, rate), daemon=True).start()
        yield listener.getsockname()[1]


def _serve(listener: socket.socket, port: int, delay: float, rate: float) -> None:
    with contextlib.suppress(OSError):
        while True:
            near, _ = listener.accept()
            far = socket.create_connection(("127.0.0.1", port))
            for source, sink in ((near, far), (far, near)):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                late: queue.Queue[tuple[float, bytes]] = queue.Queue()
                threading.Thread(target=_take, args=(source, late, delay, rate), daemon=True).start()
                threading.Thread(target=_give, args=(late, sink), daemon=True).start()


def _take(source: socket.socket, late: queue.Queue[tuple[float, bytes]], delay: float, rate: float) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(4096):
            late.put((time.monotonic() + delay, data))
            time.sleep(len(data) / rate)
    late.put((time.monotonic() + delay, b""))


def _give(late: queue.Queue[tuple[float, bytes]], sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            due, data = late.get()
            time.sleep(max(0.0, due - time.monotonic()))
            if not data:
                sink.shutdown(socket.SHUT_WR)
                return
            sink.sendall(data)
