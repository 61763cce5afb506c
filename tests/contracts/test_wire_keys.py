"""Host keys and ours, jumps, ~/.ssh/config."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from orchestrator.commands.command import Batch
from orchestrator.connections import ssh
from orchestrator.model import errors
from orchestrator.model.host import Host
from tests.contracts import sshd, wires

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="jobs change hosts as root")
PASSPHRASE = "canary"  # noqa: S105


def test_unknown_and_changed_and_revoked_host_keys(server: sshd.Sshd, tmp_path: Path) -> None:
    transport, known = ssh.SshTransport(), tmp_path / "known_hosts"
    host = server.host(options={"UserKnownHostsFile": str(known)})
    batch = Batch("b", 0)
    with pytest.raises(errors.Unreachable) as unknown:
        transport.run(host, batch, wires.ignore)
    shown = subprocess.run(
        ["/usr/bin/ssh-keygen", "-l", "-f", str(server.folder / "host_ed25519.pub")], capture_output=True, text=True, check=True
    ).stdout.split()[1]
    text = str(unknown.value)
    assert f"h1 (127.0.0.1:{server.port}): the host key is not known" in text
    assert f"ssh-ed25519 {shown}" in text
    accept = f"ssh-keyscan -p {server.port} -t ed25519 127.0.0.1 >> {known}"
    assert text.endswith(accept)
    subprocess.run(accept, shell=True, check=True, capture_output=True)  # noqa: S602  # what the operator would type
    assert transport.run(host, batch, wires.ignore) == ()
    transport.close()

    transport = ssh.SshTransport()
    other = sshd.keygen(tmp_path / "other").split()[:2]
    known.write_text(f"[127.0.0.1]:{server.port} {' '.join(other)}\n")
    with pytest.raises(
        errors.Unreachable, match=f"has changed: expected ssh-ed25519 SHA256:.*{known}:1.*, got ssh-ed25519 {shown.replace('+', '.')}"
    ):
        transport.run(host, batch, wires.ignore)
    key = (server.folder / "host_ed25519.pub").read_text().split()
    known.write_text(f"@revoked * {key[0]} {key[1]}\n[127.0.0.1]:{server.port} {key[0]} {key[1]}\n")
    with pytest.raises(errors.Unreachable, match="the host key is revoked"):
        transport.run(host, batch, wires.ignore)
    transport.close()


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_only_known_key_types_are_asked_for(server: sshd.Sshd, tmp_path: Path, kind: str) -> None:
    lines = [line for line in server.known_hosts.read_text().splitlines(True) if kind in line]
    known = tmp_path / "known_hosts"
    known.write_text("".join(lines))
    subprocess.run(["/usr/bin/ssh-keygen", "-q", "-H", "-f", str(known)], check=True, capture_output=True)
    transport = ssh.SshTransport()
    assert transport.run(server.host(options={"UserKnownHostsFile": str(known)}), Batch("b", 0), wires.ignore) == ()
    transport.close()


def test_private_keys_that_cannot_be_used(server: sshd.Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    sshd.keygen(tmp_path / "locked", passphrase=PASSPHRASE)
    sshd.keygen(tmp_path / "stranger")
    sshd.keygen(tmp_path / "open")
    (tmp_path / "open").chmod(0o644)
    (tmp_path / "garbage").write_text("no key\n")
    (tmp_path / "garbage").chmod(0o600)
    transport = ssh.SshTransport()
    for name, text in {
        "locked": "locked is protected by a passphrase",
        "stranger": "permission denied for user root: tried .*stranger",
        "open": "open can be read by others .chmod 600",
        "garbage": "garbage is not a private key",
        "missing": "missing: No such file",
    }.items():
        with pytest.raises(errors.Unreachable, match=text):
            transport.run(server.host(private_key_file=str(tmp_path / name)), Batch("b", 0), wires.ignore)
    transport.close()


def test_agent_holds_the_key(server: sshd.Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = sshd.keygen(tmp_path / "locked", passphrase=PASSPHRASE)
    with (server.folder / "authorized_keys").open("a") as file:
        file.write(line)
    socket = tmp_path / "agent"
    with subprocess.Popen(["/usr/bin/ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL) as agent:
        wires.until(socket.exists)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        ask = tmp_path / "ask"
        ask.write_text(f"#!/bin/sh\necho {PASSPHRASE}\n")
        ask.chmod(0o700)
        env = {**os.environ, "SSH_ASKPASS": str(ask), "SSH_ASKPASS_REQUIRE": "force"}
        subprocess.run(["/usr/bin/ssh-add", "-q", str(tmp_path / "locked")], env=env, check=True)
        transport = ssh.SshTransport()
        assert transport.run(server.host(private_key_file=str(tmp_path / "locked")), Batch("b", 0), wires.ignore) == ()
        transport.close()
        agent.terminate()


def test_jumps_and_the_users_configuration(server: sshd.Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with sshd.sshd(tmp_path / "far") as far:
        (tmp_path / ".ssh").mkdir()
        known = f"{server.known_hosts} {far.known_hosts}"
        (tmp_path / ".ssh" / "config").write_text(
            f"Host bastion\n HostName 127.0.0.1\n Port {server.port}\n IdentityFile {server.key}\n"
            f"Host inner\n HostName 127.0.0.1\n Port {far.port}\n ProxyJump root@bastion\n IdentityFile ~/far/id\n"
            f"Host *\n User root\n UserKnownHostsFile {known}\n"
        )
        transport = ssh.SshTransport()
        (read,) = transport.run(Host("inner", "inner"), Batch("b", 0, reads=(wires.sh('echo "$SSH_CONNECTION"'),)), wires.ignore)
        assert read.output.split()[3] == str(far.port).encode()
        assert "direct-tcpip" in server.log or len(transport._connections) == 2
        far.known_hosts.write_text("")
        with pytest.raises(errors.Unreachable, match=r"inner .*the host key is not known"):
            ssh.SshTransport().run(Host("inner", "inner"), Batch("b", 0), wires.ignore)
        server_keys = server.known_hosts.read_text()
        try:
            server.known_hosts.write_text("")
            with pytest.raises(errors.Unreachable, match=r"inner through bastion .*the host key is not known"):
                ssh.SshTransport().run(Host("inner", "inner"), Batch("b", 0), wires.ignore)
        finally:
            server.known_hosts.write_text(server_keys)
        transport.close()
