"""Connections, as only a real sshd shows them: limits, losses, silence."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

import pytest

from orchestrator.commands.command import Batch, Command, Lane
from orchestrator.connections import choose, connect, library, ssh
from orchestrator.model import errors
from orchestrator.model.host import Host
from tests.contracts import sshd, wires

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="jobs change hosts as root")


def test_more_threads_than_sessions(server: sshd.Sshd) -> None:
    transport = ssh.SshTransport()
    try:
        with ThreadPoolExecutor(30) as pool:
            batches = [Batch(f"b{number}", 0, reads=(Command(("printf", "%s", str(number))),)) for number in range(300)]
            outputs = [reads[0].output for reads in pool.map(lambda batch: transport.run(server.host(), batch, wires.ignore), batches)]
    finally:
        transport.close()
    assert outputs == [str(number).encode() for number in range(300)]
    assert transport.trips("h1") == 300


def test_a_connection_begun_ahead_is_the_one_that_is_used(tmp_path: Path) -> None:
    with sshd.sshd(tmp_path / "sshd") as server:
        transport = ssh.SshTransport()
        transport.open([server.host()], 4)
        wires.until(lambda: "Accepted publickey" in server.log)
        assert transport.run(server.host(), Batch("b", 0, reads=(Command(("true",)),)), wires.ignore)[0].code == 0
        transport.close()
        assert server.log.count("Accepted publickey") == 1


def test_a_connection_begun_ahead_has_a_shell_for_the_first_batch(server: sshd.Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    transport, batch = ssh.SshTransport(), Batch("b", 0, reads=(Command(("true",)),))
    transport._open(server.host())
    connection = next(iter(transport._connections.values()))
    opened = mock.Mock(wraps=connection.transport.open_session)
    monkeypatch.setattr(connection.transport, "open_session", opened)
    for count in range(3):
        assert transport.run(server.host(), batch, wires.ignore)[0].code == 0
        assert opened.call_count == count
    transport.close()


def test_a_host_that_falls_silent_over_the_shell_begun_ahead_is_not_waited_for_again(
    server: sshd.Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    transport, batch = ssh.SshTransport(), Batch("b", 0, reads=(Command(("true",)),))
    monkeypatch.setattr(connect.Connection, "prepare", lambda connection, _: connection.abort())
    transport._open(server.host())
    with pytest.raises(errors.Unreachable):
        transport.run(server.host(), batch, wires.ignore)
    assert transport.run(server.host(), batch, wires.ignore)[0].code == 0
    transport.close()


def test_a_shell_that_did_not_last_until_the_first_batch_is_not_used(server: sshd.Sshd) -> None:
    transport = ssh.SshTransport()
    transport._open(server.host())
    next(iter(transport._connections.values()))._prepared[0][1].close()
    assert transport.run(server.host(), Batch("b", 0, reads=(Command(("true",)),)), wires.ignore)[0].code == 0
    transport.close()


def test_a_server_is_called_before_what_speaks_to_it_is_imported(server: sshd.Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = mock.Mock()
    seen.call.side_effect, seen.load.side_effect = connect._carrier, library.load
    monkeypatch.setattr(connect, "_carrier", seen.call)
    monkeypatch.setattr(library, "load", seen.load)
    transport = ssh.SshTransport()
    transport._open(server.host())
    transport.close()
    assert [name for name, _, _ in seen.mock_calls][:2] == ["call", "load"]


def test_what_keeps_a_connection_begun_ahead_from_coming_is_raised_by_the_first_batch_alone(tmp_path: Path) -> None:
    with sshd.sshd(tmp_path / "sshd") as server:
        transport = ssh.SshTransport()
        stranger, batch = server.host(options={"IdentityFile": "/nowhere", "IdentitiesOnly": "yes"}, private_key_file=None), Batch("b", 0)
        transport.open([stranger], 4)
        wires.until(lambda: bool(transport._lost))
        wires.until(lambda: server.log.count("[preauth]") == 1)
        with pytest.raises(errors.Unreachable):
            transport.run(stranger, batch, wires.ignore)
        with pytest.raises(errors.Unreachable):
            transport.run(stranger, batch, wires.ignore)
        wires.until(lambda: server.log.count("[preauth]") == 2)  # not three: only the second batch tried again
        transport.close()


def test_what_failed_ahead_is_forgotten_once_a_batch_got_through(server: sshd.Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first attempt fails while a batch waits for it, and says so late: after that batch has connected by itself."""
    kept, through, batch = connect.connect, threading.Event(), Batch("b", 0, reads=(Command(("true",)),))
    failed = threading.Event()

    def flaky(*given: object) -> connect.Connection:
        if not failed.is_set():
            failed.set()
            raise errors.Unreachable("cannot connect", "h1", "for a moment")
        return kept(*given)  # type: ignore[arg-type]

    class Late(dict):  # type: ignore[type-arg]
        def __setitem__(self, key: object, value: object) -> None:
            through.wait(1)
            super().__setitem__(key, value)

    monkeypatch.setattr(connect, "connect", flaky)
    transport = ssh.SshTransport()
    transport._lost = Late()
    transport.open([server.host()], 1)
    wires.until(failed.is_set)
    try:
        with contextlib.suppress(errors.Unreachable):
            transport.run(server.host(), batch, wires.ignore)
        through.set()
        time.sleep(0.1)
        for _ in range(2):
            assert transport.run(server.host(), batch, wires.ignore)[0].code == 0
    finally:
        transport.close()


def test_what_a_batch_tried_is_not_tried_ahead(server: sshd.Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []

    def down(*given: object) -> connect.Connection:
        tries.append(1)
        raise errors.Unreachable("cannot connect", "h1", "it is down")

    monkeypatch.setattr(connect, "connect", down)
    transport = ssh.SshTransport()
    with pytest.raises(errors.Unreachable):
        transport.run(server.host(), Batch("b", 0), wires.ignore)
    transport._open(server.host())
    assert len(tries) == 1
    monkeypatch.undo()
    assert transport.run(server.host(), Batch("b", 0, reads=(Command(("true",)),)), wires.ignore)[0].code == 0
    transport.close()


def test_a_connection_that_comes_after_the_end_is_closed(server: sshd.Sshd) -> None:
    before = set(threading.enumerate())
    transport = ssh.SshTransport()
    transport.open([server.host()], 4)
    transport.close()
    wires.until(lambda: set(threading.enumerate()) <= before, 10)


def test_connects_stay_below_the_servers_limit(tmp_path: Path) -> None:
    with sshd.sshd(tmp_path / "sshd", ("MaxStartups 10:100:10",)) as server, ThreadPoolExecutor(30) as pool:
        transport = ssh.SshTransport()
        hosts = [server.host(f"h{number}", {"IdentityFile": f"/nowhere/{number}"}) for number in range(30)]
        list(pool.map(lambda host: transport.run(host, Batch("b", 0), wires.ignore), hosts))
        transport.close()
        assert "drop connection" not in server.log


def test_threads_and_sockets_are_gone_after_close(server: sshd.Sshd) -> None:
    before = set(threading.enumerate())
    transport = ssh.SshTransport()
    transport.run(server.host(), Batch("b", 0, reads=(Command(("true",)),)), wires.ignore)
    transport.close()
    wires.until(lambda: set(threading.enumerate()) <= before, 3)


def test_reconnects_after_a_loss(tmp_path: Path) -> None:
    with sshd.sshd(tmp_path / "sshd") as server:
        transport = ssh.SshTransport()
        batch = Batch("b", 0, reads=(Command(("true",)),))
        transport.run(server.host(), batch, wires.ignore)
        for pid in server.children():
            os.kill(pid, signal.SIGKILL)
        wires.until(lambda: not next(iter(transport._connections.values())).alive)
        assert transport.run(server.host(), batch, wires.ignore)[0].code == 0
        transport.close()


def test_killed_session_is_unknown_with_lanes_and_unreachable_without(tmp_path: Path) -> None:
    with sshd.sshd(tmp_path / "sshd") as server, ThreadPoolExecutor(1) as pool:
        for lanes, reads, there, expected in (
            ((), (Command(("sleep", "20")),), "sleep\x0020", errors.Unreachable),
            ((Lane(wires.unique(), (Command(("sleep", "3")),)),), (), "sleep\x003\x00", errors.OutcomeUnknown),
        ):
            transport = ssh.SshTransport()
            running = pool.submit(transport.run, server.host(), Batch(str(uuid.uuid4()), 1, lanes, reads), wires.ignore)
            # the command itself: the session's own sign of life sleeps as well, before anything was sent
            wires.until(lambda there=there: any(there in wires.text_of(Path(f"/proc/{pid}/cmdline")) for pid in server.children()))
            for pid in server.children():
                os.kill(pid, signal.SIGKILL)
            with pytest.raises(expected):
                running.result(timeout=15)
            transport.close()


@pytest.mark.parametrize("lanes", [(), (Lane("instance/stopped", (Command(("sleep", "30")),)),)])
def test_stopped_server_is_noticed(tmp_path: Path, lanes: tuple[Lane, ...]) -> None:
    with sshd.sshd(tmp_path / "sshd") as server, ThreadPoolExecutor(1) as pool:
        transport = ssh.SshTransport()
        transport.run(server.host(), Batch("b", 0), wires.ignore)
        reads = () if lanes else (Command(("sleep", "30")),)
        running = pool.submit(transport.run, server.host(), Batch(str(uuid.uuid4()), 1, lanes, reads), wires.ignore)
        wires.until(lambda: any("sleep\x0030" in wires.text_of(Path(f"/proc/{pid}/cmdline")) for pid in server.children()) or lanes)
        time.sleep(0.5)
        server.signal(signal.SIGSTOP)
        with pytest.raises(errors.OutcomeUnknown if lanes else errors.Unreachable, match="no sign of life for 12 s"):
            running.result(timeout=15)
        with pytest.raises(errors.Unreachable, match="no sign of life for 12 s"):
            pool.submit(transport.run, server.host(), Batch("b", 0), wires.ignore).result(timeout=15)
        transport.close()


@pytest.mark.parametrize("connection", ["ssh", "local"])
def test_how_long_silence_may_last_is_for_the_maker_to_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, connection: str) -> None:
    mute = tmp_path / "sh"
    mute.write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    mute.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        transport = choose.ChosenTransport(5)
        with pytest.raises(errors.Unreachable, match="no sign of life for 5 s"):
            transport.run(Host("h9", "127.0.0.1", silent.getsockname()[1], "root", connection=connection), Batch("b", 0), wires.ignore)
        transport.close()


def test_nobody_listens() -> None:
    with pytest.raises(errors.Unreachable, match=r"h9 \(127.0.0.1:19\): cannot connect: Connection refused; try: ssh -p 19 root@127.0.0.1"):
        ssh.SshTransport().run(Host("h9", "127.0.0.1", 19, "root"), Batch("b", 0), wires.ignore)
    with pytest.raises(errors.Unreachable, match="cannot connect: Name or service not known"):
        ssh.SshTransport().run(Host("h9", "no-such-host.invalid"), Batch("b", 0), wires.ignore)


def test_paramiko_is_not_loaded_before_a_connection_opens() -> None:
    look = "import sys, orchestrator.connections.choose as choose; choose.ChosenTransport(); sys.exit('paramiko' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look], check=False).returncode == 0


def test_sessions_stay_below_the_servers_limit() -> None:
    assert connect.SESSIONS < 10, "sshd's stock MaxSessions"
