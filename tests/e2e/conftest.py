"""A lab of practice hosts for the whole session, and the command as an operator runs it."""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from msgspec import Struct

NAME = os.environ.get("ORCHESTRATOR_TEST_LAB", "e2e")
"""Another name, of up to 5 characters, is another lab, beside the first: for tests that take their hosts from `lab.hosts`."""
HOSTS = 4
ROOT = Path("/var/tmp/orchestrator-tests/lab")


class Lab(Struct, frozen=True):
    """Practice hosts that are up, the inventory that names them, and a bootable guest."""

    name: str
    root: Path
    inventory: Path
    hosts: Mapping[str, Mapping[str, object]]
    image: Path

    def on(self, host: str, *argv: str, check: bool = True) -> str:
        """What a command prints on a host."""
        done = run(["orchestrator", "lab", "ssh", "--name", self.name, host, "--", *argv], environment(self.root))
        assert not check or done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
        return done.stdout

    def script(self, host: str, text: str) -> str:
        """What a shell line prints on a host."""
        return self.on(host, f"sh -c {shlex.quote(text)}")

    def files(self, host: str) -> Path:
        """The root of a host's own files, seen from this machine: to read them is no login and takes no time."""
        return Path(f"/proc/{self.hosts[host]['pid']}/root")

    def journal(self) -> dict[str, list[str]]:
        """Each host's own journal of changing commands."""
        paths = {host: self.files(host) / "var/log/orchestrator/journal.log" for host in self.hosts}
        return {host: path.read_text().splitlines() if path.exists() else [] for host, path in paths.items()}

    def starts(self, host: str) -> dict[str, int]:
        """How often QEMU was started for each domain, by libvirt's own log."""
        logs = (self.files(host) / "var/log/libvirt/qemu").glob("*.log")
        return {log.stem: log.read_text(errors="replace").count(": starting up libvirt") for log in logs}


class Operator(Struct, frozen=True):
    """Somebody with a state file of their own."""

    lab: Lab
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        return environment(self.lab.root) | {
            "ORCHESTRATOR_STATE": str(self.folder / "state.db"),
            "ORCHESTRATOR_INVENTORY": str(self.lab.inventory),
        }

    def __call__(self, *argv: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Run `orchestrator ARGV...`; `code` is the exit code that it must have, None for any."""
        done = run(["orchestrator", *argv], self.environment)
        assert "Traceback" not in done.stderr, done.stderr
        assert code is None or done.returncode == code, f"{argv} -> {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def start(self, *argv: str) -> subprocess.Popen[str]:
        """The command in the background."""
        pipe = subprocess.PIPE
        return subprocess.Popen(command(["orchestrator", *argv]), env=self.environment, stdout=pipe, stderr=pipe, text=True)

    def json(self, *argv: str, code: int | None = 0) -> object:
        """What the command prints with `-o json`."""
        return json.loads(self(*argv, "-o", "json", code=code).stdout)

    def instances(self) -> dict[str, dict[str, object]]:
        """`get instances` by name."""
        listed = self.json("get", "instances")
        assert isinstance(listed, list)
        return {each["name"]: each for each in listed}

    def playbook(self, name: str, text: str) -> str:
        """A playbook of this text; its path."""
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def booted(self, name: str, boots: int = 1, seconds: float = 90) -> str:
        """The console line by which the guest says that it is up for the n-th time."""
        return wait(lambda: next((x for x in self("logs", name).stdout.splitlines() if f"GUEST UP boots={boots} " in x), ""), seconds)


def wait(look: Callable[[], str], seconds: float) -> str:
    """What `look` finds, once it finds something."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"not found within {seconds} s"
        time.sleep(0.5)
    return found


def command(argv: list[str]) -> list[str]:
    """The argv with the command of this very environment."""
    return [str(Path(sys.executable).parent / argv[0]), *argv[1:]]


def run(argv: list[str], env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(argv), env=env, capture_output=True, text=True, timeout=300, check=False, stdin=subprocess.DEVNULL)


def environment(root: Path) -> dict[str, str]:
    return {**os.environ, "ORCHESTRATOR_LAB_DIR": str(root), "NO_COLOR": "1"}


def lab_up(name: str, hosts: int) -> Lab:
    """A lab that is up. The guest image outlives it, beside it."""
    ROOT.mkdir(parents=True, exist_ok=True)
    for argv in (["lab", "up", "--name", name, "--hosts", str(hosts)], ["lab", "image"]):
        done = run(["orchestrator", *argv], environment(ROOT))
        assert done.returncode == 0, done.stdout + done.stderr
    status = json.loads(run(["orchestrator", "lab", "status", "--name", name, "-o", "json"], environment(ROOT)).stdout)
    return Lab(name, ROOT, Path(status["inventory"]), {each["name"]: each for each in status["hosts"]}, ROOT / "guest.qcow2")


def lab_down(name: str) -> None:
    """Nothing of the lab left."""
    done = run(["orchestrator", "lab", "down", "--name", name], environment(ROOT))
    assert done.returncode == 0, done.stdout + done.stderr


def halting_disk(folder: Path) -> Path:
    """A disk of 1 MiB whose boot sector halts: a guest that costs no CPU."""
    sector = bytearray(512)
    sector[:4] = b"\xfa\xf4\xeb\xfd"  # cli; hlt; jmp
    sector[446:462] = b"\x80\x00\x02\x00\x83\x00\x10\x00\x01\x00\x00\x00\xff\x07\x00\x00"
    sector[510:] = b"\x55\xaa"
    (folder / "halt.raw").write_bytes(bytes(sector) + bytes((1 << 20) - 512))
    convert = ["qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(folder / "halt.raw"), str(folder / "halt.qcow2")]
    subprocess.run(convert, check=True)
    return folder / "halt.qcow2"


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    ROOT.mkdir(parents=True, exist_ok=True)
    with (ROOT / f".{NAME}.tests").open("w") as turn:  # another session's lab of this name would be taken down under it, or take down ours
        fcntl.flock(turn, fcntl.LOCK_EX)
        made = lab_up(NAME, HOSTS)
        yield made
        lab_down(NAME)


@pytest.fixture
def operator(lab: Lab, tmp_path: Path) -> Iterator[Operator]:
    """An operator with an empty store; what they leave on the hosts is destroyed."""
    someone = Operator(lab, tmp_path)
    yield someone
    names = list(someone.instances())
    if names:
        someone("destroy", "--yes", *names)


@pytest.fixture(scope="session")
def halting_image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return halting_disk(tmp_path_factory.mktemp("image"))
