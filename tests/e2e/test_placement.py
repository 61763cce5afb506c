"""Where instances go on hosts that are real: no more than there is room for, whoever asks at once; to the next host when one cannot start guests."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from pathlib import Path

import pytest

from tests.e2e import playbooks
from tests.e2e.conftest import Operator

pytestmark = pytest.mark.practice_hosts
ROOM = 3
"""Instances of one vcpu that a host takes, with the ratio of `small`."""
HOOK = "/etc/libvirt/hooks/qemu"
RESTART = "kill $(cat /run/libvirtd.pid); sleep 1; libvirtd -d"


@pytest.fixture
def small(operator: Operator) -> tuple[str, ...]:
    """The inventory's flags, by which each host has vcpus for so many."""
    path = operator.folder / "small.yaml"
    path.write_text(f"compute:\n  vars: {{cpu_allocation_ratio: {(ROOM + 0.5) / (os.cpu_count() or 1):.3f}}}\n")
    return ("-i", str(operator.lab.inventory), "-i", str(path))


def domains(operator: Operator, host: str) -> int:
    return len(operator.lab.on(host, "virsh", "-q", "list", "--name").split())


def test_as_many_as_there_is_room_for_whoever_asks_at_once(operator: Operator, halting_image: Path, small: tuple[str, ...]) -> None:
    one, two = list(operator.lab.hosts)[:2]
    plays = [
        operator.playbook(f"{team}.yaml", playbooks.play(halting_image, 5, name=team, hosts=f"{one}:{two}")) for team in ("red", "blue")
    ]
    before = domains(operator, one) + domains(operator, two)
    teams = [operator.start("apply", play, *small) for play in plays]
    said = [team.communicate(timeout=300)[1] for team in teams]
    assert {team.returncode for team in teams} <= {0, 3}, said
    made = operator.instances()
    assert Counter((each["host"], each["state"]) for each in made.values()) == {(one, "ACTIVE"): ROOM, (two, "ACTIVE"): ROOM}, said
    assert domains(operator, one) + domains(operator, two) == before + 2 * ROOM
    refused = [line for text in said for line in text.splitlines() if "no valid host" in line]
    assert len(refused) == 10 - 2 * ROOM, said
    assert all(f"{host}: vcpus: needs 1, 0 of {ROOM} free" in line for line in refused for host in (one, two)), refused
    explained = "".join(operator("explain", play, *small, code=None).stdout for play in plays)
    assert explained.count(f"no host can take it; the smallest change is on {one}: 1 more vcpus") == len(refused), explained
    without = operator("explain", "--without", one, *small, "-l", f"{one}:{two}", code=3).stdout
    assert f"0 of {ROOM} instances that would need a host find one" in without
    assert operator("explain", "--without", one, code=0).stdout.endswith(f"{ROOM} of {ROOM} instances that would need a host find one.\n")


def test_a_host_that_starts_no_guests_is_left_for_the_next(operator: Operator, halting_image: Path) -> None:
    bad, good = list(operator.lab.hosts)[:2]
    play = operator.playbook("site.yaml", playbooks.play(halting_image, 2, hosts=f"{bad}:{good}"))
    operator.lab.script(
        bad,
        f"mkdir -p /etc/libvirt/hooks; printf {shlex.quote('#!/bin/sh' + chr(92) + 'nexit 1' + chr(92) + 'n')} >{HOOK}; chmod +x {HOOK}; {RESTART}",
    )
    try:
        assert "2 changed" in operator("apply", play).stderr
    finally:
        operator.lab.script(bad, f"rm -f {HOOK}; {RESTART}")
    made = operator.instances()
    assert {(each["host"], each["state"]) for each in made.values()} == {(good, "ACTIVE")}
    there = operator.lab.script(bad, "ls /var/lib/nova/instances; virsh -q list --all --uuid; ip -br link")
    assert not any(str(each["uuid"]) in there for each in made.values())
    placement = operator.json("describe", "instance", "vm-1")["placement"]  # type: ignore[call-overload, index]
    assert (placement["tried"], placement["host"]) == ([bad], good)
    assert "failed to build it" in operator("explain", "vm-1").stdout
