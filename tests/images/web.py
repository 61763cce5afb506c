"""A web server in a network of its own, with addresses of every kind, and a host there that fetches from it: nothing real is ever asked."""

from __future__ import annotations

import hashlib
import http.server
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from msgspec import Struct

PUBLIC, OTHER, PRIVATE = "198.51.100.7", "203.0.113.9", "10.250.0.1"
IMAGE = b"".join(hashlib.sha256(str(number).encode()).digest() for number in range(1 << 15))
"""1 MiB."""


class Pages(http.server.BaseHTTPRequestHandler):
    """What it answers is in the path."""

    seen: ClassVar[dict[str, int]] = {}

    def do_GET(self) -> None:  # the library's name
        path, _, query = self.path.partition("?")
        count = self.seen[self.path] = self.seen.get(self.path, 0) + 1
        with Path("asked").open("a") as log:
            log.write(f"{self.headers['Host']} {self.path}\n")
        answer = getattr(self, f"get_{path.strip('/').split('/')[0]}", self.get_nothing)
        answer(query, count)

    def get_image(self, query: str, count: int) -> None:
        self.say(200, IMAGE)

    def get_nothing(self, query: str, count: int) -> None:
        self.say(404, b"no such page")

    def get_broken(self, query: str, count: int) -> None:
        """Well the n-th time."""
        self.say(200 if count >= int(query) else 503, IMAGE)

    def get_to(self, query: str, count: int) -> None:
        self.send_response(302)
        self.send_header("Location", query)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def get_round(self, query: str, count: int) -> None:
        self.get_to(f"/round/{count}", count)

    def get_truncated(self, query: str, count: int) -> None:
        self.say(200, IMAGE[: len(IMAGE) // 2], len(IMAGE))

    def get_short(self, query: str, count: int) -> None:
        """Truncated, and nothing says so."""
        self.say(200, IMAGE[: len(IMAGE) // 2], None)

    def get_large(self, query: str, count: int) -> None:
        self.say(200, b"", 1 << 42)

    def get_endless(self, query: str, count: int) -> None:
        self.send_response(200)
        self.end_headers()
        while True:
            self.wfile.write(IMAGE)

    def get_drip(self, query: str, count: int) -> None:
        """A file, over as many seconds as the path says."""
        content, seconds = Path(query).read_bytes(), float(self.path.partition("?")[0].rpartition("/")[2])
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        for start in range(0, len(content), -(-len(content) // 16)):
            self.wfile.write(content[start : start - (-len(content) // 16)])
            time.sleep(seconds / 16)

    def get_file(self, query: str, count: int) -> None:
        """A file of the server's folder."""
        self.say(200, Path(query).read_bytes())

    def say(self, status: int, content: bytes, announced: int | None = -1) -> None:
        self.send_response(status)
        if announced is not None:
            self.send_header("Content-Length", str(len(content) if announced < 0 else announced))
        self.end_headers()
        self.wfile.write(content)

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            return  # who asked went away

    def log_message(self, form: str, *words: object) -> None:
        """To nobody."""


def serve(address: str, port: int) -> None:
    """On the address until the process ends; it says when it is ready."""
    server = http.server.ThreadingHTTPServer((address, port), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    threading.Event().wait()


@contextmanager
def served(folder: Path, address: str = "0.0.0.0", port: int = 0, prefix: tuple[str, ...] = ()) -> Iterator[tuple[int, int]]:  # noqa: S104
    """The server's process and port."""
    argv = [*prefix, sys.executable, "-m", "tests.images.web", address, str(port)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=folder, env=environment) as process:
        try:
            assert process.stdout
            yield process.pid, int(process.stdout.readline())
        finally:
            process.kill()


class Net(Struct):
    """A network of its own. Names are known by a `getent` of its own."""

    pid: int
    port: int
    folder: Path

    def run(self, *argv: str, tools: Path | None = None) -> subprocess.CompletedProcess[str]:
        """A command there; `tools` comes first in its PATH, or is all of it."""
        env = {**os.environ, "PATH": f"{self.folder / 'bin'}:{tools or os.environ['PATH']}", "http_proxy": "http://127.0.0.1:9"}
        entered = ["/usr/bin/nsenter", "-n", "-t", str(self.pid), *argv]
        return subprocess.run(entered, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=100, env=env)

    def knows(self, name: str, *addresses: str) -> None:
        """A name of this network."""
        with (self.folder / "bin" / "names").open("a") as names:
            names.writelines(f"{name} {address}\n" for address in addresses)

    @property
    def asked(self) -> list[str]:
        """Host and path of every request so far."""
        log = self.folder / "asked"
        return log.read_text().splitlines() if log.exists() else []


GETENT = """#!/bin/sh
[ "$1" = ahosts ] || exit 1
found=$(awk -v n="$2" '$1 == n { print $2 "  STREAM " n }' {names})
[ -z "$found" ] || { echo "$found"; exit; }
exec /usr/bin/getent "$@"
"""


@contextmanager
def net(folder: Path) -> Iterator[Net]:
    """Needs root."""
    script = (
        "ip link set lo up; for a; do ip addr add $a/32 dev lo; done; ip addr add fd00:77::1/128 dev lo; "
        f"exec {sys.executable} -m tests.images.web 0.0.0.0 0"
    )
    (folder / "bin").mkdir()
    getent = folder / "bin" / "getent"
    (folder / "bin" / "names").touch()
    getent.write_text(GETENT.replace("{names}", str(folder / "bin" / "names")))
    getent.chmod(0o755)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    argv = ["/usr/bin/unshare", "-n", "sh", "-c", script, "net", PUBLIC, OTHER, PRIVATE]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=folder, env=environment) as process:
        try:
            assert process.stdout
            yield Net(process.pid, int(process.stdout.readline()), folder)
        finally:
            process.kill()


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
