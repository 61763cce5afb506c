"""A large file to a host, ours side by side with OpenSSH's `ssh host 'cat > f'`: `python -m tests.bench.upload`.

Both log in anew for each, with the same key and cipher. Ours is a whole batch: recorded by the host, moved into place, answered.
"""

from __future__ import annotations

import argparse
import os
import shlex
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from msgspec import Struct

from orchestrator.commands.command import Batch, Lane, Record, Transfer
from orchestrator.connections import connect, ssh
from tests.contracts import sshd

SIZE, ROUNDS, TARGET = 200, 6, 0.8
"""MiB; pairs; what ours is to reach of OpenSSH's speed."""


class Speed(Struct, frozen=True):
    """MiB/s, medians; `ratio`: the median of the pairs'."""

    ours: float
    openssh: float
    ratio: float


def measure(folder: Path, size: int = SIZE, rounds: int = ROUNDS) -> Speed:
    """Both in turn to an sshd of their own, all files in `folder`."""
    source = folder / "source"
    source.write_bytes(os.urandom(1 << 20) * size)
    with sshd.sshd(folder / "sshd") as server:
        pairs = [_pair(server, source, number) for number in range(rounds)]
    theirs, ours = zip(*pairs, strict=True)
    return Speed(
        size / statistics.median(ours), size / statistics.median(theirs), statistics.median(theirs / ours for theirs, ours in pairs)
    )


def _pair(server: sshd.Sshd, source: Path, number: int) -> tuple[float, float]:
    """Seconds of OpenSSH and of ours; who is second meets what the first one's file still costs the disk, so that it changes."""
    if number % 2:
        ours = _ours(server, source, number)
        return _openssh(server, source, number), ours
    return _openssh(server, source, number), _ours(server, source, number)


def _openssh(server: sshd.Sshd, source: Path, number: int) -> float:
    target = server.folder / f"openssh-{number}"
    options = [f"UserKnownHostsFile={server.known_hosts}", "IdentitiesOnly=yes", f"Ciphers={connect.CIPHER}"]
    words = [word for option in options for word in ("-o", option)]
    argv = ["ssh", "-F", "none", "-p", str(server.port), "-i", str(server.key), *words, f"root@{server.address}"]
    start = time.monotonic()
    with source.open("rb") as data:
        subprocess.run([*argv, f"cat > {shlex.quote(str(target))}"], stdin=data, check=True)
    return _took(start, target, source)


def _ours(server: sshd.Sshd, source: Path, number: int) -> float:
    target = server.folder / f"ours-{number}"
    lane = Lane(f"shared/upload-{os.getpid()}-{number}", (Transfer(str(source), str(target), source.stat().st_size),))
    transport = ssh.SshTransport()
    said: list[Record] = []
    start = time.monotonic()
    transport.run(server.host(), Batch(f"upload-{os.getpid()}-{number}", 1, (lane,)), said.append)
    transport.close()
    assert [each.code for each in said] == [0], said
    return _took(start, target, source)


def _took(start: float, target: Path, source: Path) -> float:
    seconds = time.monotonic() - start
    assert target.stat().st_size == source.stat().st_size
    target.unlink()
    return seconds


def main() -> None:
    """Print both speeds and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=SIZE, help="MiB")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), given.size, given.rounds)
    print(f"{given.size} MiB: ours {found.ours:.0f} MiB/s, OpenSSH {found.openssh:.0f} MiB/s, ratio {found.ratio:.2f} (at least {TARGET})")


if __name__ == "__main__":
    main()
