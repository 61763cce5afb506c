"""A PostgreSQL server of the tests' own: in a folder of its own, on a socket there, without TCP; ended with the tests."""

from __future__ import annotations

import atexit
import functools
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

NUMBERS = itertools.count(1)
START_SECONDS = 30


class Server:
    """Running; its superuser is `ops`, and whoever reaches the socket is trusted."""

    def __init__(self, programs: Path) -> None:
        self.programs, self.folder = programs, Path(tempfile.mkdtemp(prefix="orc-pg-"))
        self.who: Mapping[str, int] = {}
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            user = pwd.getpwnam("postgres")
            self.who = {"user": user.pw_uid, "group": user.pw_gid}
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        words = ["-D", str(self.folder / "data"), "-U", "ops", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        subprocess.run([programs / "initdb", *words], check=True, capture_output=True, **self.who)  # type: ignore[call-overload]
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        words = ["-D", self.folder / "data", "-k", self.folder, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=60"]
        log = (self.folder / "log").open("ab")
        made = subprocess.Popen([self.programs / "postgres", *words], stdout=log, stderr=log, cwd="/", **self.who)  # type: ignore[call-overload]
        until = time.monotonic() + START_SECONDS
        while subprocess.run([self.programs / "pg_isready", "-q", "-h", self.folder], check=False).returncode:
            assert time.monotonic() < until, (self.folder / "log").read_text()
            time.sleep(0.05)
        return made  # type: ignore[no-any-return]

    def again(self) -> None:
        """Killed, and started anew: what was committed is there."""
        self.process.send_signal(signal.SIGQUIT)  # immediately, as after kill -9, but its children go with it
        self.process.wait()
        self.process = self._start()

    def database(self, like: str = "", options: str = "") -> str:
        """The URL of a new one: empty, or as the one of an URL is, that nobody uses."""
        name, template = f"orc{next(NUMBERS)}", named(like) if like else "template0"
        if like:  # the server notices that a client was killed a moment later
            self.cut(like)
        self.sql("postgres", f"CREATE DATABASE {name} TEMPLATE {template} {options}")
        return f"postgresql://ops@/{name}?host={self.folder}"

    def cut(self, url: str) -> None:
        """End all connections to a database."""
        self.sql("postgres", f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{named(url)}'")  # noqa: S608  # ours

    def sql(self, database: str, *statements: str) -> str:
        """What psql prints of them."""
        words = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", self.folder, "-U", "ops", "-d", database]
        each = [word for statement in statements for word in ("-c", statement)]
        return subprocess.run([self.programs / "psql", *words, *each], check=True, capture_output=True, text=True).stdout

    def end(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait()
        shutil.rmtree(self.folder)


def named(url: str) -> str:
    """The database that an URL names."""
    return url.rpartition("?")[0].rpartition("/")[2]


@functools.cache
def server() -> Server:
    """The one of this run of the tests."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        pytest.skip("PostgreSQL is not installed (`make packages`)")
    made = Server(found[-1].parent)
    atexit.register(made.end)
    return made
