"""known_hosts: OpenSSH's own words for what a file holds."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest

from orchestrator.connections import known_hosts

KEY = base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0 " + b"k" * 32).decode()


def found(tmp_path: Path, line: str, address: str, port: int = 22) -> bool:
    file = tmp_path / "known_hosts"
    file.write_text(f"# comment\n\n{line}\n")
    return bool(known_hosts.entries((str(file), "/nowhere"), address, port))


@pytest.mark.parametrize(
    ("field", "address", "port", "expected"),
    [
        ("h1", "h1", 22, True),
        ("h1", "h1", 2222, False),
        ("h1", "h2", 22, False),
        ("H1", "h1", 22, True),
        ("h1", "H1", 22, True),
        ("[h1]:2222", "h1", 2222, True),
        ("[h1]:2222", "h1", 22, False),
        ("a,h1,b", "h1", 22, True),
        ("*.example.org", "h1.example.org", 22, True),
        ("*.example.org,!h1.example.org", "h1.example.org", 22, False),
        ("h?", "h1", 22, True),
        ("[*]:2222", "h1", 2222, True),
        ("fe80::1", "fe80::1", 22, True),
        ("[fe80::1]:2222", "fe80::1", 2222, True),
        ("|1|broken", "h1", 22, False),
        ("@cert-authority *", "h1", 22, False),
    ],
)
def test_host_field(tmp_path: Path, field: str, address: str, port: int, expected: bool) -> None:
    assert found(tmp_path, f"{field} ssh-ed25519 {KEY} comment", address, port) is expected


def test_damaged_lines_are_skipped(tmp_path: Path) -> None:
    for line in ("h1", "h1 ssh-ed25519", "h1 ssh-ed25519 !!!", "@revoked", "@other h1 ssh-ed25519 AAAA", "\udcff"):
        (tmp_path / "known_hosts").write_bytes(line.encode("utf-8", "surrogateescape"))
        assert known_hosts.entries((str(tmp_path / "known_hosts"),), "h1", 22) == ()


def test_revoked_is_marked(tmp_path: Path) -> None:
    (tmp_path / "known_hosts").write_text(f"@revoked * ssh-ed25519 {KEY}\n")
    (entry,) = known_hosts.entries((str(tmp_path / "known_hosts"),), "h1", 22)
    assert entry.revoked
    assert entry.place == f"{tmp_path}/known_hosts:1"


@pytest.mark.parametrize(("address", "port"), [("h1", 22), ("10.0.0.1", 2222), ("fe80::1", 22)])
def test_hashed_by_ssh_keygen(tmp_path: Path, address: str, port: int) -> None:
    file = tmp_path / "known_hosts"
    name = address if port == 22 else f"[{address}]:{port}"
    subprocess.run(["/usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
    public = " ".join((tmp_path / "key.pub").read_text().split()[:2])
    file.write_text(f"{name} {public}\n")
    subprocess.run(["/usr/bin/ssh-keygen", "-q", "-H", "-f", str(file)], check=True, capture_output=True)
    assert file.read_text().startswith("|1|")
    (entry,) = known_hosts.entries((str(file),), address, port)
    assert known_hosts.entries((str(file),), "other", port) == ()
    shown = subprocess.run(["/usr/bin/ssh-keygen", "-l", "-f", str(tmp_path / "key.pub")], check=True, capture_output=True, text=True)
    assert known_hosts.fingerprint(entry.blob) == shown.stdout.split()[1]
