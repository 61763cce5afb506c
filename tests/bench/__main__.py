"""20 halting guests on 4 practice hosts: an unchanged apply and a hard reboot of all, against one OpenSSH session and one shell script a host.

Runs alternate, command and baseline, so that a noisy machine is as noisy to both; the medians' ratio is what counts.
"""

from __future__ import annotations

import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.e2e import playbooks
from tests.e2e.conftest import Lab, Operator, halting_disk, lab_down, lab_up

RUNS = 5
LOOK = (
    "virsh -q list --all; ip -d -j link show >/dev/null; cd /var/lib/nova/instances; "
    "sha256sum */libvirt.xml >/dev/null; for d in */disk; do head -c 1024 $d >/dev/null; done"
)
REBOOT = (
    "cd /var/lib/nova/instances; for d in */libvirt.xml; do u=${d%/*}; "
    "( virsh -q destroy $u; virsh -q define $d; virsh -q start $u ) & done; wait"
)


def baseline(lab: Lab, script: str) -> None:
    """The script on every host at once."""
    ssh = ("ssh", "-o", f"UserKnownHostsFile={lab.inventory.parent}/known_hosts", "-o", "LogLevel=ERROR")
    started = [
        subprocess.Popen(
            [*ssh, "-i", str(host["key"]), f"root@{host['address']}", f"sh -c {shlex.quote(script)}"], stdout=subprocess.DEVNULL
        )
        for host in lab.hosts.values()
    ]
    assert [process.wait() for process in started] == [0] * len(started)


def seconds(run: Callable[[], object]) -> float:
    began = time.monotonic()
    run()
    return time.monotonic() - began


def compare(name: str, ours: Callable[[], object], theirs: Callable[[], object]) -> None:
    """Print the medians and their ratio."""
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(RUNS)]
    mine, floor = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"{name:<28} {mine:6.2f} s  baseline {floor:6.2f} s  ratio {mine / floor:5.2f}", flush=True)


def main() -> None:
    """Make the lab and the instances, compare, take all of it down."""
    lab = lab_up("bench", 4)
    try:
        with tempfile.TemporaryDirectory() as folder:
            operator = Operator(lab, Path(folder))
            play = operator.playbook("site.yaml", playbooks.play(halting_disk(Path(folder)), 20))
            operator("apply", play)
            names = list(operator.instances())
            compare("unchanged apply, 4 x 5", lambda: operator("apply", play), lambda: baseline(lab, LOOK))
            compare("hard reboot of all, 4 x 5", lambda: operator("hard-reboot", *names), lambda: baseline(lab, REBOOT))
            operator("destroy", "--yes", *names)
    finally:
        lab_down("bench")


if __name__ == "__main__":
    sys.exit(main())
