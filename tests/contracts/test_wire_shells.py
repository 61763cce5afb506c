"""What login shells and accounts do to a session."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.commands.command import Batch, Command, Lane, Record, Transfer, Upload
from orchestrator.connections import ssh
from orchestrator.model import errors
from tests.contracts import sshd, wires

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="jobs change hosts as root")


def test_noise_of_login_shells(tmp_path: Path) -> None:
    noise = tmp_path / "noise.sh"
    noise.write_text("#!/bin/sh\nprintf 'Welcome \\377\\376 to h1\\n'; echo oops >&2; eval \"$SSH_ORIGINAL_COMMAND\"\n")
    noise.chmod(0o755)
    with sshd.sshd(tmp_path / "sshd", (f"ForceCommand {noise}",)) as server:
        transport = ssh.SshTransport()
        (read,) = transport.run(server.host(), Batch("b", 0, reads=(Command(("printf", "quiet")),)), wires.ignore)
        transport.close()
    assert (read.output, read.error) == (b"quiet", "")


@pytest.mark.parametrize("text", ["This account is currently not available.", "sudo: a password is required"])
def test_session_that_never_begins_says_why(tmp_path: Path, text: str) -> None:
    with sshd.sshd(tmp_path / "sshd", (f"ForceCommand echo '{text}' >&2; exit 1",)) as server:
        transport = ssh.SshTransport()
        for lanes in ((), (Lane(wires.unique(), (Upload("/nowhere", b"x" * (4 << 20)),)),)):
            with pytest.raises(errors.HostError, match=text) as caught:
                transport.run(server.host(), Batch("b", 1, lanes), wires.ignore)
            assert not isinstance(caught.value, errors.OutcomeUnknown)
        transport.close()


@pytest.mark.parametrize("shell", ["/usr/bin/dash", "/bin/bash", "/usr/bin/busybox"])
def test_shells(shell: str, tmp_path: Path) -> None:
    if not Path(shell).exists():
        pytest.skip(f"no {shell} here")
    (tmp_path / "sh").symlink_to(shell)
    runner = tmp_path / "path"
    runner.write_text(f'#!/bin/sh\nPATH={tmp_path}:$PATH; eval "$SSH_ORIGINAL_COMMAND"\n')
    runner.chmod(0o755)
    content = bytes(range(256)) * 40
    with sshd.sshd(tmp_path / "sshd", (f"ForceCommand {runner}",)) as server:
        transport = ssh.SshTransport()
        key, parent, source = wires.unique(), wires.unique("shared"), tmp_path / "source"
        source.write_bytes(content * 200)
        place = Transfer(str(source), str(tmp_path / "placed"), len(content) * 200)
        actions = (
            Upload(str(tmp_path / "up"), content, 0o750),
            Command(("cat",), stdin="a\n'b'\n"),
            Command(("sleep", "9"), timeout=1, accepts=(124, 143)),
        )
        batch = Batch(
            str(uuid.uuid4()), 1, (Lane(key, actions, (parent,)), Lane(parent, (place,))), (Command(("cat", str(tmp_path / "up"))),)
        )
        for _ in range(2):  # the second time told from what was kept
            heard: list[Record] = []
            (read,) = transport.run(server.host(), batch, heard.append)
            assert [record.lane for record in heard] == [parent, key, key, key]
            assert [record.kind for record in heard] == ["done"] * 4
            assert [record.output for record in heard[:3]] == [b"", b"", b"a\n'b'\n"]
            assert read.output == content
            assert (tmp_path / "placed").read_bytes() == source.read_bytes()
        transport.close()
        wires.until(lambda: not [pid for pid in server.children() if wires.text_of(Path(f"/proc/{pid}/comm")) == "sleep\n"], 6)


IN_PRIVATE = """
cd "$1"; shift
cat /etc/passwd - >passwd <<E
wireop:x:30000:30000::/tmp:$LOGIN
E
cat /etc/shadow - >shadow <<E
wireop:*:19000:0:99999:7:::
E
mkdir -p sudoers.d; echo "$SUDOERS" >sudoers.d/wireop; chmod 440 sudoers.d/wireop
for file in passwd shadow; do chmod 644 $file; mount --bind $file /etc/$file; done
mount --bind sudoers.d /etc/sudoers.d
exec "$@"
"""


@contextlib.contextmanager
def operator(sudoers: str = "", login: str = "/bin/sh") -> Iterator[sshd.Sshd]:
    """A server with an account of no rights, `wireop`; it exists in that server's mount namespace alone."""
    with tempfile.TemporaryDirectory(prefix="wire") as name:  # not below pytest's folder, which only root may enter
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "private").mkdir()
        within = ("env", f"SUDOERS={sudoers}", f"LOGIN={login}", "unshare", "-m", "sh", "-c", IN_PRIVATE, "sh", str(folder / "private"))
        with sshd.sshd(folder / "sshd", (), within=within) as server:
            yield server


@pytest.mark.skipif(not shutil.which("sudo"), reason="no sudo here")
@pytest.mark.parametrize(
    ("sudoers", "answer"),
    [("wireop ALL=(ALL) NOPASSWD: ALL", ""), ("wireop ALL=(ALL) ALL", "password is required"), ("", "password is required")],
)
def test_sudo(sudoers: str, answer: str) -> None:
    batch = Batch(str(uuid.uuid4()), 1, (Lane(wires.unique(), (Command(("id", "-u")),)),), (Command(("id", "-un")),))
    with operator(sudoers) as server:
        transport, heard = ssh.SshTransport(), list[Record]()
        host = server.host(user="wireop", become=True)
        if answer:
            with pytest.raises(errors.HostError, match=f"sudo -n refused: .*{answer}; let the user run it without a password"):
                transport.run(host, batch, heard.append)
        else:
            (read,) = transport.run(host, batch, heard.append)
            assert (read.output, [record.output for record in heard]) == (b"root\n", [b"0\n"])
        transport.close()


@pytest.mark.parametrize("login", ["/bin/bash", "/usr/bin/dash", "/usr/bin/tcsh", "/usr/bin/fish"])
def test_account_without_rights_reads_and_changes_nothing(login: str) -> None:
    if not Path(login).exists():
        pytest.skip(f"no {login} here")
    with operator(login=login) as server:
        transport, host = ssh.SshTransport(), server.host(user="wireop")
        (read,) = transport.run(host, Batch("b", 0, reads=(Command(("printf", "%s", "$x !y 'z'")),)), wires.ignore)
        assert read.output == b"$x !y 'z'"
        with pytest.raises(
            errors.HostError, match=r"cannot prepare the job: mkdir: .*Permission denied; nothing was changed; .*ansible_become"
        ):
            transport.run(host, Batch(str(uuid.uuid4()), 1, (Lane(wires.unique(), ()),)), wires.ignore)
        transport.close()


def test_account_that_may_not_log_in() -> None:
    with operator(login="/usr/sbin/nologin") as server:
        transport = ssh.SshTransport()
        with pytest.raises(errors.HostError, match=r"no POSIX shell answered: This account is currently not available\."):
            transport.run(server.host(user="wireop"), Batch("b", 0), wires.ignore)
        transport.close()
