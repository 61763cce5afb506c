"""A watch over practice hosts: libvirt's own events wake it, whatever becomes of libvirt's daemon; and a daemon that hangs holds up nobody else."""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path

import pytest

from tests.e2e import playbooks
from tests.e2e.conftest import Operator, wait

pytest.importorskip("libvirt")

DAEMON = "$(cat /run/libvirtd.pid)"


class Watch:
    """`orchestrator watch` in the background, and what it says."""

    def __init__(self, operator: Operator, *argv: str) -> None:
        self.process = operator.start("watch", "-o", "json", *argv)
        self.notes: list[dict[str, object]] = []
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self.notes.append(json.loads(line))

    def until(self, kind: str, what: str, times: int = 1, seconds: float = 60) -> None:
        """The n-th time that this was said of an instance, or of a host."""
        try:
            wait(
                lambda: "yes" * (sum(note["kind"] == kind and what in (note["name"], note["host"]) for note in self.notes) >= times),
                seconds,
            )
        except AssertionError:
            raise AssertionError(f"{kind} of {what} was not said: {self.notes}") from None

    def end(self) -> int:
        """Its exit code after SIGTERM."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def play(image: Path, hosts: str, count: int) -> str:
    """Halting guests that are restarted at once whenever they crash."""
    policy = "\n      restart_policy: {condition: on-crash, max_attempts: 9, back_off: 1}"
    return playbooks.play(image, count, hosts=hosts).replace("      flavor: tiny", f"      flavor: tiny{policy}")


def process(operator: Operator, name: str) -> str:
    """The pid of the guest's QEMU."""
    at = operator.instances()[name]
    return operator.lab.script(str(at["host"]), f"pgrep -f -- '[-]uuid {at['uuid']}'").strip()


def kill(operator: Operator, name: str) -> None:
    """The guest's process."""
    operator.lab.script(str(operator.instances()[name]["host"]), f"kill -9 {process(operator, name)}")


def starts(operator: Operator, host: str) -> int:
    """Processes ever started for guests of this store that are there."""
    mine = operator.lab.on(host, "virsh", "-q", "list", "--all", "--name").split()
    return sum(count for name, count in operator.lab.starts(host).items() if name in mine)


def test_a_killed_guest_runs_again_by_an_event_also_after_libvirtd_was_killed(operator: Operator, halting_image: Path) -> None:
    host = next(iter(operator.lab.hosts))
    operator("apply", operator.playbook("site.yaml", play(halting_image, host, 1)))
    before = starts(operator, host)
    with Watch(operator, "--limit", host, "--interval", "3600") as seen:
        seen.until("listening", host)
        seen.until("watching", host)
        kill(operator, "vm-1")
        seen.until("gone", "vm-1")
        assert starts(operator, host) == before + 1
        operator.lab.script(host, f"kill -9 {DAEMON}; sleep 0.2; libvirtd --daemon")
        seen.until("lost", host)
        seen.until("listening", host, 2)
        kill(operator, "vm-1")
        seen.until("gone", "vm-1", 2)
        assert starts(operator, host) == before + 2
        assert seen.end() == 143
    assert operator.instances()["vm-1"]["state"] == "ACTIVE"
    operator("verify", "--limit", host)


def test_a_libvirtd_that_hangs_or_is_gone_is_named_and_holds_up_no_other_host(operator: Operator, halting_image: Path) -> None:
    first, second = list(operator.lab.hosts)[:2]
    both = f"{first}:{second}"
    operator("apply", operator.playbook("site.yaml", play(halting_image, both, 2)))
    there = {str(each["host"]): name for name, each in operator.instances().items()}
    pid = process(operator, there[first])
    with Watch(operator, "--limit", both, "--interval", "3600") as seen:
        for host in (first, second):
            seen.until("watching", host)
            seen.until("listening", host)
        operator.lab.script(first, f"kill -STOP {DAEMON}")
        try:
            kill(operator, there[second])
            seen.until("gone", there[second])
            seen.until("lost", first, seconds=120)
        finally:
            operator.lab.script(first, f"kill -CONT {DAEMON}")
        seen.until("listening", first, 2, seconds=120)
        assert seen.end() == 143
    operator.lab.script(first, f"kill -9 {DAEMON}")
    try:
        named = operator("verify", "--limit", both, code=2)
        assert f"{first} ({first}): libvirt-silent: " in named.stdout
        assert second not in named.stdout
    finally:
        operator.lab.script(first, "libvirtd --daemon")
    operator("verify", "--limit", both)
    assert process(operator, there[first]) == pid, "nothing touched the guest"


def test_what_was_left_behind_goes_and_what_is_foreign_stays(operator: Operator, halting_image: Path) -> None:
    host = next(iter(operator.lab.hosts))
    operator("apply", operator.playbook("site.yaml", play(halting_image, host, 2)))
    gone = operator.instances()["vm-2"]
    uuid, folder = str(gone["uuid"]), f"/var/lib/nova/instances/{gone['uuid']}"
    keep = f"cp -a {folder} /var/tmp/kept; virsh -q dumpxml --inactive {uuid} >/var/tmp/kept.xml"
    operator.lab.script(host, keep)
    operator("destroy", "--yes", "vm-2")
    foreign = "<domain type='qemu'><name>others</name><memory unit='MiB'>16</memory><os><type arch='x86_64'>hvm</type></os></domain>"
    operator.lab.script(host, f'mv /var/tmp/kept {folder}; virsh -q define /var/tmp/kept.xml; echo "{foreign}" >/var/tmp/others.xml')
    operator.lab.script(
        host,
        "virsh -q define /var/tmp/others.xml; virsh -q start others; mkdir /var/lib/nova/instances/$(cat /proc/sys/kernel/random/uuid)",
    )
    show = "virsh -q dumpxml others; virsh -q list --all --name | grep -v instance-; ls /var/lib/nova/instances"
    try:
        named = operator("verify", "--host", host, code=2)
        assert uuid in named.stdout
        assert "others" not in named.stdout
        assert f"not ours: others ({host})" in named.stderr
        before = operator.lab.script(host, show)
        operator("verify", "--host", host, "--repair")
        assert operator.lab.script(host, show) == before.replace(f"{uuid}\n", "")
        found = operator.json("verify", "--host", host)
        assert isinstance(found, dict)
        assert (found["findings"], sorted(each["cause"] for each in found["foreign"])) == ([], ["foreign-directory", "foreign-domain"])
    finally:
        operator.lab.script(
            host,
            "virsh -q destroy others; virsh -q undefine others; rmdir /var/lib/nova/instances/*-*-*-*-* 2>/dev/null; rm -rf /var/tmp/kept* /var/tmp/others.xml",
        )
