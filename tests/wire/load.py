"""Many batches at once over one connection to a real sshd: `python -m tests.wire.load` sends 10,000 of them from 8 threads.

What paramiko loses by itself when channels come and go in several threads (upstream #1115, #1584, #1705) must not be lost here.
"""

from __future__ import annotations

import argparse
import collections
import tempfile
import time
from concurrent import futures
from pathlib import Path

from msgspec import Struct

from orchestrator.commands.command import Batch, Command, Record
from orchestrator.connections import ssh
from orchestrator.model import errors
from tests.contracts import sshd

BATCHES, THREADS = 10_000, 8


class Outcome(Struct, frozen=True):
    """`lost` by what was said of it; `wrong`: answers of another batch, or not whole; `logins` that the server saw."""

    batches: int
    lost: collections.Counter[str]
    wrong: int
    logins: int
    seconds: float


def load(server: sshd.Sshd, batches: int, threads: int = THREADS) -> Outcome:
    """Batches that only read, each with an answer of its own, one after the other in each thread."""
    transport = ssh.SshTransport()
    host = server.host()
    before = server.log.count("Accepted publickey")

    def ignore(record: Record) -> None:
        return None

    def send(number: int) -> str | None:
        said = f"{number} " * (1 + number % 50)  # of many lengths
        try:
            reads = transport.run(host, Batch(f"load-{number}", 0, reads=(Command(("printf", "%s", said)),)), ignore)
        except errors.HostError as error:
            return str(error)
        return None if [(each.code, each.output) for each in reads] == [(0, said.encode())] else "wrong"

    start = time.monotonic()
    try:
        with futures.ThreadPoolExecutor(threads) as pool:
            said = collections.Counter(each for each in pool.map(send, range(batches)) if each)
    finally:
        transport.close()
    wrong = said.pop("wrong", 0)
    logins = server.log.count("Accepted publickey") - before
    return Outcome(batches, said, wrong, logins, time.monotonic() - start)


def main() -> None:
    """Print what became of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=BATCHES)
    parser.add_argument("--threads", type=int, default=THREADS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sshd.sshd(Path(folder) / "sshd") as server:
        found = load(server, given.batches, given.threads)
    each = 1000 * found.seconds / found.batches
    print(f"{found.batches} batches, {given.threads} threads: {sum(found.lost.values())} lost, {found.wrong} wrong, {found.logins} logins")
    print(f"{found.seconds:.1f} s, {each:.1f} ms each")
    for words, count in found.lost.most_common(5):
        print(f"{count} times: {words}")


if __name__ == "__main__":
    main()
