"""A build interrupted anywhere resumes: kill -9 of the controller, two controllers at once, a connection that is cut."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.e2e import playbooks
from tests.e2e.conftest import Operator

KILLS = 20
PAIRS = 20


def one_effect_each(operator: Operator, before: dict[str, dict[str, int]]) -> None:
    """Each instance was started once, by libvirt's own log."""
    for host, earlier in before.items():
        started = {name: count - earlier.get(name, 0) for name, count in operator.lab.starts(host).items()}
        assert set(started.values()) <= {0, 1}, f"{host}: {started}"


def starts(operator: Operator) -> dict[str, dict[str, int]]:
    return {host: operator.lab.starts(host) for host in operator.lab.hosts}


def test_kill_9_at_random_moments_converges(operator: Operator, halting_image: Path) -> None:
    play = operator.playbook("site.yaml", playbooks.play(halting_image, 2, hosts="e2e1:e2e2"))
    timed = time.monotonic()
    operator("apply", play)
    whole = time.monotonic() - timed
    operator("destroy", "--yes", "vm-1", "vm-2")
    chance = random.Random(20)
    for number in range(KILLS):
        before = starts(operator)
        process = operator.start("apply", play)
        time.sleep(chance.uniform(0.2, whole))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        operator("apply", play)
        found = operator.instances()
        assert {each["state"] for each in found.values()} == {"ACTIVE"}, number
        assert len(found) == 2
        one_effect_each(operator, before)
        assert "0 changed" in operator("apply", play).stderr
        operator("destroy", "--yes", "vm-1", "vm-2")
    print(f"{KILLS} of {KILLS} kills resumed")


def test_two_controllers_at_once_make_one_vm(operator: Operator, halting_image: Path) -> None:
    play = operator.playbook("site.yaml", playbooks.play(halting_image, 1, hosts="e2e1:e2e2"))
    refused = 0
    for _ in range(PAIRS):
        before = starts(operator)
        pair = [operator.start("apply", play) for _ in range(2)]
        ends = [(process.communicate(timeout=120)[1], process.returncode) for process in pair]
        assert sorted(code for _, code in ends) in ([0, 0], [0, 75]), ends
        for text, code in ends:
            if code == 75:
                refused += 1
                assert f"pid {pair[0].pid}" in text or f"pid {pair[1].pid}" in text, text
        one_effect_each(operator, before)
        assert [each["state"] for each in operator.instances().values()] == ["ACTIVE"]
        operator("destroy", "--yes", "vm-1")
    print(f"{PAIRS} pairs, one VM each; {refused} times the second was refused with 75")


def test_one_controller_waits_for_the_other_when_asked(operator: Operator, halting_image: Path) -> None:
    play = operator.playbook("site.yaml", playbooks.play(halting_image, 1, hosts="e2e1"))
    pair = [operator.start("apply", "--wait", "60", play) for _ in range(2)]
    ends = [(process.communicate(timeout=120)[1], process.returncode) for process in pair]
    assert [code for _, code in ends] == [0, 0], ends
    assert sorted("1 changed" in text for text, _ in ends) == [False, True]


@pytest.mark.parametrize("delay", [0.0, 0.4])
def test_a_cut_connection_is_unknown_and_heals(operator: Operator, halting_image: Path, delay: float) -> None:
    play = operator.playbook("site.yaml", playbooks.play(halting_image, 4, hosts="e2e1:e2e2"))
    before = starts(operator)
    seen = len(operator.lab.journal()["e2e1"])
    process = operator.start("apply", play)
    deadline = time.monotonic() + 60
    while len(operator.lab.journal()["e2e1"]) <= seen:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(delay)
    enter = f"nsenter -t {operator.lab.hosts['e2e1']['pid']} -n iptables"
    try:
        for chain in ("INPUT", "OUTPUT"):
            assert os.system(f"{enter} -I {chain} -i eth0 -j DROP 2>/dev/null || {enter} -I {chain} -o eth0 -j DROP") == 0  # noqa: S605
        cut = time.monotonic()
        _, text = process.communicate(timeout=120)
        noticed = time.monotonic() - cut
    finally:
        os.system(f"{enter} -F")  # noqa: S605
    assert process.returncode == 4, text
    assert "unknown" in text
    assert noticed < 20, "a dead connection is noticed within 15 s, and the rest of the run takes a moment"
    states = {each["host"]: each["state"] for each in operator.instances().values()}
    assert states["e2e2"] == "ACTIVE", "the other host goes on"
    assert states["e2e1"] != "ERROR"
    operator("apply", play)
    assert {each["state"] for each in operator.instances().values()} == {"ACTIVE"}
    one_effect_each(operator, before)
    assert "0 changed" in operator("apply", play).stderr
