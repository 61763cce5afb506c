"""A plain sshd of the test's own on 127.0.0.1: own keys, own configuration, stock limits."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct, field

from orchestrator.model.host import Host

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")


class Sshd(Struct):
    """A running sshd; `known_hosts` holds its keys, `key` logs in as root."""

    folder: Path
    address: str
    port: int
    process: subprocess.Popen[bytes]
    logins: list[int] = field(default_factory=list)

    @property
    def key(self) -> Path:
        return self.folder / "id"

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def host(self, name: str = "h1", options: Mapping[str, str] | None = None, **words: object) -> Host:
        """The inventory's view of it."""
        given = {"UserKnownHostsFile": str(self.known_hosts), **(options or {})}
        settled = {"port": self.port, "user": "root", "private_key_file": str(self.key), **words}
        return Host(name, self.address, ssh_options=given, **settled)  # type: ignore[arg-type]

    def children(self) -> list[int]:
        """Its processes below the listening one."""
        found, queue = [], [self.process.pid]
        while queue:
            below = [int(pid) for pid in _read(f"/proc/{queue[0]}/task/{queue[0]}/children").split()]
            queue = queue[1:] + below
            found += below
        return found

    def signal(self, number: signal.Signals) -> None:
        """To sshd's own processes (not to what they run)."""
        for pid in [self.process.pid, *self.children()]:
            if _read(f"/proc/{pid}/comm").startswith("sshd"):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def keygen(path: Path, kind: str = "ed25519", passphrase: str = "") -> str:
    """A new key pair; returns the public key's line."""
    subprocess.run(["/usr/bin/ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-f", str(path)], check=True)
    return path.with_name(path.name + ".pub").read_text()


@contextlib.contextmanager
def sshd(folder: Path, lines: tuple[str, ...] = (), address: str = "127.0.0.1", within: tuple[str, ...] = ()) -> Iterator[Sshd]:
    """Start one; `lines` of sshd_config come first, `within` goes before its command (ip netns exec ...)."""
    assert SSHD, "no sshd here: apt-get install openssh-server"
    Path("/run/sshd").mkdir(exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    keygen(folder / "id")
    (folder / "authorized_keys").write_text((folder / "id.pub").read_text())
    public = [keygen(folder / f"host_{kind}", kind) for kind in ("ed25519", "rsa", "ecdsa")]
    port = random.randint(20000, 32000)
    known = "".join(f"[{address}]:{port} {' '.join(line.split()[:2])}\n" for line in public)
    (folder / "known_hosts").write_text(known)
    config = [
        *lines,
        f"ListenAddress {address}:{port}",
        *(f"HostKey {folder}/host_{kind}" for kind in ("ed25519", "rsa", "ecdsa")),
        f"AuthorizedKeysFile {folder}/authorized_keys",
        "StrictModes no",
        "SetEnv SHLVL=3",  # bash then reads no rc file of this machine's root
        "UsePAM no",
        "PasswordAuthentication no",
        "PermitRootLogin yes",
        "PidFile none",
        "LogLevel VERBOSE",
    ]
    (folder / "sshd_config").write_text("\n".join(config) + "\n")
    with (folder / "log").open("wb") as log:
        argv = [*within, SSHD, "-D", "-e", "-f", str(folder / "sshd_config")]
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=log, start_new_session=True)
    server = Sshd(folder, address, port, process)
    try:
        _wait(server, within)
        yield server
    finally:
        server.signal(signal.SIGCONT)
        server.signal(signal.SIGTERM)
        process.wait(timeout=10)


def _wait(server: Sshd, within: tuple[str, ...]) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        assert server.process.poll() is None, server.log
        with contextlib.suppress(OSError), socket.create_connection((server.address, server.port), timeout=1):
            return
        time.sleep(0.02)
    raise AssertionError(f"sshd does not listen: {server.log}")
