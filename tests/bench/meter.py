"""What a command costs: seconds, its own CPU and memory, and the CPU of the hosts it works on."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from orchestrator.lab import switch
from tests.e2e.conftest import Lab

GROUPS = (Path("/sys/fs/cgroup/cpuacct"), Path("/sys/fs/cgroup"))
"""Where a control group can be made that counts CPU: version 1, version 2."""


class Cost(Struct, frozen=True):
    """Seconds of the clock, of the command's CPU and of the hosts' CPU; the command's peak memory in MiB; what it printed."""

    seconds: float
    cpu: float
    host_cpu: float
    memory: float
    output: str


class HostGroup:
    """The processes of some practice hosts, and all they start from now on, as one account of CPU."""

    def __init__(self, name: str, lab: Lab, hosts: Iterable[str]) -> None:
        top = next(path for path in GROUPS if (path / "cgroup.procs").exists())
        self._path = top / f"orchestrator-bench-{name}"
        self._path.mkdir(exist_ok=True)
        for number in (list(lab.hosts).index(host) + 1 for host in hosts):
            argv = ["ip", "netns", "pids", switch.namespace(lab.name, number)]
            found = subprocess.run(argv, capture_output=True, text=True, check=True)
            for pid in found.stdout.split():
                with contextlib.suppress(ProcessLookupError):
                    (self._path / "cgroup.procs").write_text(pid)

    def seconds(self) -> float:
        """CPU used so far."""
        if (counted := self._path / "cpuacct.usage").exists():
            return int(counted.read_text()) / 1e9
        return int((self._path / "cpu.stat").read_text().split()[1]) / 1e6

    def quiet(self) -> None:
        """Return when they hardly work any more: what firmware of started guests does is theirs who started them, and in nobody's way."""
        before, deadline = self.seconds(), time.monotonic() + 20
        while time.monotonic() < deadline:
            time.sleep(0.3)
            if (now := self.seconds()) - before < 0.015:
                return
            before = now

    def remove(self) -> None:
        """Once its processes are gone."""
        for _ in range(50):
            with contextlib.suppress(OSError):
                self._path.rmdir()
                return
            time.sleep(0.1)


def run(argv: Sequence[str], hosts: HostGroup, env: Mapping[str, str] | None = None) -> Cost:
    """Run the command to its end. Raises AssertionError with its last words when it fails."""
    before = hosts.seconds()
    began = time.monotonic()
    process = subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout
    output = process.stdout.read().decode(errors="replace")
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    hosts.quiet()
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"{argv[:4]} -> {process.returncode}: {output[-3000:]}"
    return Cost(seconds, used.ru_utime + used.ru_stime, hosts.seconds() - before, used.ru_maxrss / 1024, output)
