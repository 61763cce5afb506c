"""YAML in, guests running; again, nothing; and what a plan showed is what an apply does."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from tests.e2e import playbooks
from tests.e2e.conftest import Operator


def actions(journal: dict[str, list[str]], before: dict[str, list[str]]) -> dict[str, list[str]]:
    """What each host's journal has gained."""
    return {host: lines[len(before[host]) :] for host, lines in journal.items()}


def test_guests_boot_get_their_names_and_stay(operator: Operator) -> None:
    play = operator.playbook("site.yaml", playbooks.play(operator.lab.image, 3, hosts="e2e1:e2e2", ram=128, drive=True))
    done = operator("apply", "-v", play)
    assert "3 changed" in done.stderr + done.stdout
    found = operator.instances()
    assert {each["state"] for each in found.values()} == {"ACTIVE"}
    assert {each["vm_state"] for each in found.values()} == {"active"}
    assert {each["power_state"] for each in found.values()} == {1}
    assert {each["host"] for each in found.values()} == {"e2e1", "e2e2"}, "instances spread over the hosts"
    for name in found:
        assert "kernel=" in operator.booted(name)
    for name, each in found.items():
        listed = operator.lab.on(str(each["host"]), "virsh", "-q", "list", "--name", "--uuid")
        assert str(each["uuid"]) in listed, name


def test_the_second_apply_of_twenty_instances_on_four_hosts_changes_nothing(operator: Operator, halting_image: Path) -> None:
    play = operator.playbook("site.yaml", playbooks.play(halting_image, 20))
    first = operator.json("apply", "-v", play)
    assert isinstance(first, dict)
    assert len(first["trips"]) == 4
    assert all(trips <= 2 for trips in first["trips"].values()), first["trips"]
    before = operator.lab.journal()
    starts = {host: operator.lab.starts(host) for host in operator.lab.hosts}
    logins = {host: logged_in(operator, host) for host in operator.lab.hosts}
    second = operator("apply", "-v", play)
    assert "0 changed" in second.stderr + second.stdout
    assert "20 unchanged" in second.stderr + second.stdout
    assert {host: logged_in(operator, host) - count for host, count in logins.items()} == dict.fromkeys(logins, 1)
    assert actions(operator.lab.journal(), before) == {host: [] for host in before}
    assert {host: operator.lab.starts(host) for host in operator.lab.hosts} == starts
    third = operator.json("apply", play)
    assert isinstance(third, dict)
    assert third["trips"] == dict.fromkeys(operator.lab.hosts, 1)


def logged_in(operator: Operator, host: str) -> int:
    """Connections that the host's sshd has accepted."""
    return (operator.lab.files(host) / "var/log/sshd.log").read_text().count("Accepted publickey")


def test_a_plan_shows_every_command_and_issues_none(operator: Operator, halting_image: Path) -> None:
    play = operator.playbook("site.yaml", playbooks.play(halting_image, 2, hosts="e2e1"))
    before = operator.lab.journal()
    shown = operator("plan", "--diff", play).stdout
    assert operator.instances() == {}
    assert actions(operator.lab.journal(), before) == {host: [] for host in before}
    assert operator("plan", "--detailed-exitcode", play, code=2).stdout
    operator("apply", play)
    ran = [journal_command(line) for line in actions(operator.lab.journal(), before)["e2e1"]]
    assert ran
    missing = [command for command in ran if command not in shown]
    assert not missing, f"ran but not shown: {missing}"
    assert "<domain type=" in shown
    assert operator("plan", "--detailed-exitcode", play, code=0).stdout


def journal_command(line: str) -> str:
    """The command of a line of a host's journal: what follows time, epoch, job, lane and step."""
    found = re.search(r" step=\S+ (.+)$", line)
    assert found, line
    return found[1]


def test_stop_start_and_destroy(operator: Operator) -> None:
    play = operator.playbook("site.yaml", playbooks.play(operator.lab.image, 1, hosts="e2e3", ram=128))
    operator("apply", play)
    operator.booted("vm-1")
    uuid = operator.instances()["vm-1"]["uuid"]
    operator("stop", "vm-1")
    assert operator.instances()["vm-1"]["state"] == "STOPPED"
    assert operator.instances()["vm-1"]["power_state"] == 4
    assert uuid not in operator.lab.on("e2e3", "virsh", "-q", "list", "--uuid")
    operator("stop", "vm-1")
    operator("start", "vm-1")
    assert operator.instances()["vm-1"]["state"] == "ACTIVE"
    operator.booted("vm-1", boots=2)
    operator("destroy", "--yes", "vm-1")
    assert operator.instances() == {}
    assert uuid not in operator.lab.on("e2e3", "virsh", "-q", "list", "--all", "--uuid")
    assert str(uuid) not in operator.lab.script("e2e3", "ls /var/lib/nova/instances")
    assert "tap" not in operator.lab.script("e2e3", "ip -o link show type tun")


def test_a_guest_that_shut_itself_down_is_started_by_apply(operator: Operator, halting_image: Path) -> None:
    play = operator.playbook("site.yaml", playbooks.play(halting_image, 1, hosts="e2e4"))
    operator("apply", play)
    uuid = str(operator.instances()["vm-1"]["uuid"])
    operator.lab.on("e2e4", "virsh", "-q", "destroy", uuid)
    assert "its domain is off" in operator("plan", play).stdout
    assert "1 changed" in operator("apply", play).stderr
    assert uuid in operator.lab.on("e2e4", "virsh", "-q", "list", "--uuid")


def test_a_failed_build_is_undone_and_says_why(operator: Operator, halting_image: Path) -> None:
    play = operator.playbook("site.yaml", playbooks.play(halting_image, 1, hosts="e2e4"))
    operator.lab.script("e2e4", "mkdir -p /etc/libvirt/hooks")
    hook = "#!/bin/sh\\nexit 1\\n"
    operator.lab.script("e2e4", f"printf {shlex.quote(hook)} >/etc/libvirt/hooks/qemu; chmod +x /etc/libvirt/hooks/qemu")
    operator.lab.script("e2e4", "kill $(cat /run/libvirtd.pid); sleep 1; libvirtd -d")
    try:
        done = operator("apply", play, code=3)
        assert re.search(r"e2e4.*spawning\.start_domain.*virsh", done.stderr), done.stderr
        found = operator.instances()["vm-1"]
        assert found["state"] == "ERROR"
        assert "start" in str(found["fault"])
        assert str(found["uuid"]) not in operator.lab.script("e2e4", "ls /var/lib/nova/instances")
        assert str(found["uuid"]) not in operator.lab.on("e2e4", "virsh", "-q", "list", "--all", "--uuid")
    finally:
        operator.lab.script("e2e4", "rm -f /etc/libvirt/hooks/qemu; kill $(cat /run/libvirtd.pid); sleep 1; libvirtd -d")
    assert "1 changed" in operator("apply", play).stderr
    assert operator.instances()["vm-1"]["state"] == "ACTIVE"
