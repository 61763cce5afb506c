"""Hard reboot brings an instance back whatever happened to it: the process is destroyed, never the data."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e import playbooks
from tests.e2e.conftest import Operator


def nothing(operator: Operator, host: str, uuid: str) -> None:
    """ACTIVE, as it is."""


def stopped(operator: Operator, host: str, uuid: str) -> None:
    operator("stop", "vm-1")
    assert operator.instances()["vm-1"]["state"] == "STOPPED"


def in_error(operator: Operator, host: str, uuid: str) -> None:
    """ERROR: a hard reboot that failed, for its image's base was away."""
    disk = operator.lab.on(host, "qemu-img", "info", "-U", "-f", "qcow2", f"/var/lib/nova/instances/{uuid}/disk")
    base = next(line.split()[-1] for line in disk.splitlines() if line.startswith("backing file:"))
    operator.lab.on(host, "mv", base, f"{base}.away")
    operator.lab.on(host, "mkdir", base)
    operator("hard-reboot", "vm-1", code=3)
    assert operator.instances()["vm-1"]["state"] == "ERROR"
    operator.lab.on(host, "rmdir", base)
    operator.lab.on(host, "mv", f"{base}.away", base)


def undefined(operator: Operator, host: str, uuid: str) -> None:
    operator.lab.on(host, "virsh", "-q", "destroy", uuid)
    operator.lab.on(host, "virsh", "-q", "undefine", uuid)


def undefined_while_it_runs(operator: Operator, host: str, uuid: str) -> None:
    operator.lab.on(host, "virsh", "-q", "undefine", uuid)


@pytest.mark.parametrize("damage", [nothing, stopped, in_error, undefined, undefined_while_it_runs])
def test_active_again_same_uuid_mac_disk_and_data(operator: Operator, damage: Callable[[Operator, str, str], None]) -> None:
    operator("apply", operator.playbook("site.yaml", playbooks.play(operator.lab.image, 1, hosts="e2e2", ram=128)))
    operator.booted("vm-1")
    before = operator.instances()["vm-1"]
    uuid = str(before["uuid"])
    inode = operator.lab.on("e2e2", "stat", "-c", "%i", f"/var/lib/nova/instances/{uuid}/disk")
    xml = operator.lab.on("e2e2", "virsh", "dumpxml", uuid)
    damage(operator, "e2e2", uuid)
    operator("hard-reboot", "vm-1")
    after = operator.instances()["vm-1"]
    assert (after["state"], after["uuid"], after["addresses"]) == ("ACTIVE", before["uuid"], before["addresses"])
    assert operator.lab.on("e2e2", "stat", "-c", "%i", f"/var/lib/nova/instances/{uuid}/disk") == inode
    again = operator.lab.on("e2e2", "virsh", "dumpxml", uuid)
    assert [line for line in again.splitlines() if "<mac " in line] == [line for line in xml.splitlines() if "<mac " in line]
    assert "kernel=" in operator.booted("vm-1", boots=2), "the boot counter on the guest's disk went on: the data is there"


def test_a_missing_overlay_is_never_made_again(operator: Operator) -> None:
    operator("apply", operator.playbook("site.yaml", playbooks.play(operator.lab.image, 1, hosts="e2e2", ram=128)))
    operator.booted("vm-1")
    disk = f"/var/lib/nova/instances/{operator.instances()['vm-1']['uuid']}/disk"
    operator.lab.on("e2e2", "rm", disk)
    done = operator("hard-reboot", "vm-1", code=3)
    assert "is missing" in done.stderr
    assert operator.instances()["vm-1"]["state"] == "ERROR"
    assert operator.lab.script("e2e2", f"ls {disk} 2>/dev/null || true") == ""
