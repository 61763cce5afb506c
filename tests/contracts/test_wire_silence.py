"""A peer that falls silent, by a real DROP on a real link: noticed within 15 s wherever the conversation stands."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orchestrator.commands.command import Batch, Command, Lane, Transfer, Upload
from orchestrator.connections import ssh
from orchestrator.model import errors
from tests.contracts import relay, sshd, wires

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("iptables", path="/usr/sbin:/sbin"), reason="needs root, iproute2 and iptables"
)


class Link:
    """A network namespace with one end of a veth pair, and an sshd in it."""

    def __init__(self) -> None:
        self.name = f"wire{os.getpid() % 100000}"
        self.near, self.address = "10.231.77.1", "10.231.77.2"

    def ip(self, *words: str) -> None:
        subprocess.run(["/usr/sbin/ip", *words], check=True)

    def inside(self, *words: str) -> None:
        self.ip("netns", "exec", self.name, *words)

    def up(self) -> None:
        self.ip("netns", "add", self.name)
        self.ip("link", "add", f"{self.name}a", "type", "veth", "peer", "name", "eth0", "netns", self.name)
        self.ip("addr", "add", f"{self.near}/30", "dev", f"{self.name}a")
        self.ip("link", "set", f"{self.name}a", "up")
        self.inside("ip", "addr", "add", f"{self.address}/30", "dev", "eth0")
        self.inside("ip", "link", "set", "eth0", "up")

    def down(self) -> None:
        subprocess.run(["/usr/sbin/ip", "link", "del", f"{self.name}a"], check=False)
        subprocess.run(["/usr/sbin/ip", "netns", "del", self.name], check=False)

    def drop(self) -> None:
        for chain in ("INPUT", "OUTPUT"):
            self.inside("iptables", "-I", chain, "-j", "DROP")

    def heal(self) -> None:
        for chain in ("INPUT", "OUTPUT"):
            self.inside("iptables", "-F", chain)


@pytest.fixture
def link() -> Iterator[Link]:
    made = Link()
    try:
        made.up()
        yield made
    finally:
        made.down()


def test_silence_is_noticed_at_every_point(link: Link, tmp_path: Path) -> None:
    source, mark, part = tmp_path / "source", tmp_path / "mark", tmp_path / "part"
    with source.open("wb") as file:
        file.truncate(1 << 40)
    job = str(uuid.uuid4())
    slow = Batch(job, 1, (Lane(wires.unique(), (wires.sh('sleep 6; echo ran >>"$1"', str(mark)),)),))
    sending = Batch(str(uuid.uuid4()), 1, (Lane(wires.unique(), (Transfer(str(source), str(part), 1 << 40),)),))
    batches = {
        "reading": (Batch("r", 0, reads=(Command(("sleep", "60")),)), errors.Unreachable),
        "changing": (slow, errors.OutcomeUnknown),
        "sending": (sending, errors.Unreachable),
        "idle": (Batch("i", 0, reads=(Command(("true",)),)), errors.Unreachable),
        "new": (Batch("n", 0), errors.Unreachable),
    }
    with sshd.sshd(tmp_path / "sshd", (), link.address, ("ip", "netns", "exec", link.name)) as server, ThreadPoolExecutor(8) as pool:
        transports = {name: ssh.SshTransport() for name in batches}
        transports["idle"].run(server.host(), Batch("i", 0), wires.ignore)
        early = ("reading", "changing", "sending")
        running = {name: pool.submit(transports[name].run, server.host(), batches[name][0], wires.ignore) for name in early}
        wires.until(lambda: (wires.RUN / "jobs" / job / "0.output").exists() and list(tmp_path.glob("part.*")))
        time.sleep(0.5)
        link.drop()
        running |= {name: pool.submit(transports[name].run, server.host(), batches[name][0], wires.ignore) for name in ("idle", "new")}
        started = time.monotonic()
        for name, (_, expected) in batches.items():
            with pytest.raises(expected, match=r"no sign of life for 12 s|timed out") as caught:
                running[name].result(timeout=max(0.1, 15 - (time.monotonic() - started)))
            assert isinstance(caught.value, errors.OutcomeUnknown) == (name == "changing"), name

        link.heal()
        transports["changing"].run(server.host(), Batch("look", 1, attach=(job,)), wires.ignore)
        assert mark.read_text() == "ran\n", "the job went on to its end"
        transports["changing"].run(server.host(), slow, wires.ignore)
        assert mark.read_text() == "ran\n", "and is never run again"
        for transport in transports.values():
            transport.close()


def test_silent_jump_is_given_up_with_what_it_carries(link: Link, tmp_path: Path) -> None:
    read = Batch("b", 0, reads=(Command(("sleep", "1")),))
    inside = ("ip", "netns", "exec", link.name)
    with sshd.sshd(tmp_path / "jump", (), link.address, inside) as jump, sshd.sshd(tmp_path / "far", (), link.near) as far:
        options = {
            "ProxyJump": f"root@{jump.address}:{jump.port}",
            "UserKnownHostsFile": f"{jump.known_hosts} {far.known_hosts}",
            "IdentityFile": str(jump.key),
        }
        transport, host = ssh.SshTransport(), far.host(options=options)
        assert transport.run(host, read, wires.ignore)[0].code == 0
        link.drop()
        started = time.monotonic()
        with pytest.raises(errors.Unreachable, match=r"no sign of life for 12 s"):
            transport.run(host, read, wires.ignore)
        assert time.monotonic() - started < 15
        link.heal()
        assert transport.run(host, read, wires.ignore)[0].code == 0
        transport.close()


def test_slow_and_distant_link(server: sshd.Sshd, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(os.urandom(110_000))
    with relay.relay(server.port, 0.3, 8000) as port:
        server_keys = server.known_hosts.read_text().replace(str(server.port), str(port))
        (tmp_path / "known_hosts").write_text(server_keys)
        host = server.host(options={"UserKnownHostsFile": str(tmp_path / "known_hosts")}, port=port)
        transport = ssh.SshTransport()
        lane = Lane(wires.unique(), (Transfer(str(source), str(target), 110_000), Upload(f"{target}.2", source.read_bytes()[:80_000])))
        (read,) = transport.run(host, Batch(str(uuid.uuid4()), 1, (lane,), (Command(("printf", "seen")),)), wires.ignore)
        transport.close()
    assert read.output == b"seen"
    assert target.read_bytes() == source.read_bytes()
    assert Path(f"{target}.2").read_bytes() == source.read_bytes()[:80_000]
