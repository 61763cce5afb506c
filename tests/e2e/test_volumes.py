"""Volumes with real guests, real targets and a real Ceph cluster: what one guest writes another reads, and nothing is free before its host says so."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest

from orchestrator import store as stores
from tests.e2e import ceph, guests
from tests.e2e.conftest import Lab, Operator, wait
from tests.store import samples

pytestmark = [
    pytest.mark.practice_hosts,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(not ceph.there(), reason="needs ceph-mon, ceph-osd and ceph-common"),
]
PLAY = """\
- hosts: {hosts}
  flavors:
    - {{name: tiny, vcpus: 1, ram: 128, disk: 1}}
  images:
    - {{name: guest, source: "{image}", properties: {{os_shutdown_timeout: 3}}}}
  volumes: {volumes}
  instances: {instances}
"""


@pytest.fixture(scope="module")
def cluster(lab: Lab) -> Iterator[str]:
    """The host with the cluster."""
    host = next(iter(lab.hosts))
    ceph.start(lab, host)
    yield host
    ceph.stop(lab, host)


@pytest.fixture
def owner(operator: Operator, cluster: str) -> Iterator[Operator]:
    """An operator whose instances and volumes are gone at the end."""
    yield operator
    names = list(operator.instances())
    if names:
        operator("destroy", "--yes", *names)
    left = list(volumes(operator))
    if left:
        operator("volume", "delete", "--yes", *left)
    for host in operator.lab.hosts:
        assert operator.lab.on(host, "virsh", "-q", "-c", "qemu:///system", "secret-list").strip() == ""


def volumes(operator: Operator) -> dict[str, dict[str, object]]:
    listed = operator.json("get", "volumes")
    assert isinstance(listed, list)
    return {each["name"]: each for each in listed}


def play(operator: Operator, volumes: str, instances: str, hosts: str = "compute") -> str:
    return operator.playbook("site.yaml", PLAY.format(hosts=hosts, image=operator.lab.image, volumes=volumes, instances=instances))


def two(operator: Operator, backend: str, attached: str = "[data]") -> tuple[guests.Guest, guests.Guest]:
    """Two guests on two hosts; the first has a volume of the backend."""
    first, second = list(operator.lab.hosts)[:2]
    volume, instance = f"[{{name: data, size: 1, backend: {backend}}}]", "[{name: b, flavor: tiny, image: guest}]"
    text = PLAY.format(hosts=second, image=operator.lab.image, volumes=volume, instances=instance)
    more = f"- hosts: {first}\n  instances: [{{name: a, flavor: tiny, image: guest, volumes: {attached}}}]\n"
    path = operator.playbook("site.yaml", text + more)
    operator("apply", path)
    return guests.Guest(operator, "a"), guests.Guest(operator, "b")


def disk(operator: Operator) -> str:
    """How a guest finds the volume: by its id."""
    return f'"$(disk {volumes(operator)["data"]["id"]})"'


@pytest.mark.parametrize("backend", ["iscsi", "rbd"])
def test_what_one_guest_writes_another_reads_on_another_host(owner: Operator, backend: str) -> None:
    a, b = two(owner, backend)
    a.run(f"echo {backend} was here | dd of={disk(owner)} bs=512 count=1 conv=sync; sync")
    assert "attached" in owner("attach", "b", "data", code=1).stderr
    assert "detach it first" in owner("volume", "delete", "--yes", "data", code=1).stderr
    owner("detach", "a", "data")
    assert volumes(owner)["data"]["status"] == "available"
    assert not a.succeeds(f"[ -b {disk(owner)} ]")
    owner("attach", "b", "data")
    assert volumes(owner)["data"]["instance"] == "b"
    assert f"{backend} was here" in b.run(f"dd if={disk(owner)} bs=512 count=1 2>/dev/null | tr -d '\\0'")
    assert "0 changed" in owner("attach", "b", "data").stderr


def test_a_lost_target_is_made_again_by_a_hard_reboot(owner: Operator) -> None:
    a, _ = two(owner, "iscsi")
    a.run(f"echo kept | dd of={disk(owner)} bs=512 count=1 conv=sync; sync")
    storage = str(volumes(owner)["data"]["host"])
    targets = "tgtadm --lld iscsi --mode target --op"
    find = f"{targets} show | sed -n 's/^Target \\([0-9]*\\): .*{volumes(owner)['data']['id']}$/\\1/p'"
    owner.lab.script(storage, f"{targets} delete --force --tid $({find})")
    owner("hard-reboot", "a")
    a.wait_for("GUEST UP boots=2")
    assert "kept" in a.run(f"dd if={disk(owner)} bs=512 count=1 2>/dev/null | tr -d '\\0'")


def test_an_rbd_image_that_is_gone_is_named_and_never_made_again(owner: Operator) -> None:
    host = list(owner.lab.hosts)[1]
    owner("apply", play(owner, "[{name: data, size: 1, backend: rbd}]", "[{name: a, flavor: tiny, image: guest, volumes: [data]}]", host))
    image = f"volume-{volumes(owner)['data']['id']}"
    owner.lab.on(host, "rbd", "mv", f"{ceph.POOL}/{image}", f"{ceph.POOL}/kept")
    assert "data (" in (found := owner("verify", code=2).stdout)
    assert ": volume-missing: " in found
    assert ": volume-missing: " in owner("verify", "--repair", "--yes", code=3).stdout
    assert owner.lab.on(host, "rbd", "ls", ceph.POOL).split() == ["kept"]
    owner.lab.on(host, "rbd", "mv", f"{ceph.POOL}/kept", f"{ceph.POOL}/{image}")
    owner("verify")


def test_a_guest_boots_from_an_rbd_volume_and_finds_its_data_again(owner: Operator) -> None:
    host = list(owner.lab.hosts)[1]
    volume = "[{name: root, size: 1, backend: rbd, image: guest}]"
    path = play(owner, volume, "[{name: v, flavor: tiny, block_device_mapping: [{volume: root, boot_index: 0}]}]", host)
    owner("apply", path)
    owner.booted("v")
    assert "No changes" in owner("plan", path).stdout
    owner("hard-reboot", "v")
    owner.booted("v", boots=2)
    owner("destroy", "--yes", "v")
    assert volumes(owner)["root"]["status"] == "available"


def test_volumes_grow_under_the_guest_and_in_the_playbook(owner: Operator) -> None:
    host = list(owner.lab.hosts)[1]
    text = "[{{name: data, size: {0}, backend: rbd}}, {{name: near, size: {0}}}]"
    instances = "[{name: a, flavor: tiny, image: guest, volumes: [data, near]}]"
    owner("apply", play(owner, text.format(1), instances, host))
    a = guests.Guest(owner, "a")
    a.wait_for("GUEST UP")
    owner("apply", play(owner, text.format(2), instances, host))
    assert a.run(f"blockdev --getsize64 {disk(owner)}") == str(2 << 30)
    assert "No changes" in owner("plan", play(owner, text.format(2), instances, host)).stdout
    assert "never shrinks" in owner("apply", play(owner, text.format(1), instances, host), code=65).stderr


@pytest.mark.parametrize("moment", [0.4, 1.2, 2.5])
def test_an_attach_killed_midway_is_finished_by_the_same_command(owner: Operator, moment: float) -> None:
    _, b = two(owner, "iscsi", attached="[]")
    b.wait_for("GUEST UP")
    running = owner.start("attach", "b", "data")
    time.sleep(moment)
    running.send_signal(signal.SIGKILL)
    running.wait()
    owner("attach", "b", "data")
    assert volumes(owner)["data"]["status"] == "in-use"
    assert b.succeeds(f"[ -b {disk(owner)} ]")


def test_no_password_is_ever_seen_on_a_host(owner: Operator) -> None:
    """Neither in journals nor in process lists nor in the files of a store."""
    two(owner, "iscsi")
    state = owner.folder / "state.db"
    key = state.with_name("state.db.key")
    assert key.stat().st_mode & 0o777 == 0o600
    password = stores.keyring(f"sqlite:///{state}", owner.folder, samples.Ids()).reveal(f"chap/{volumes(owner)['data']['id']}")
    assert all(password not in line for lines in owner.lab.journal().values() for line in lines)
    assert password.encode() not in b"".join(path.read_bytes() for path in owner.folder.glob("state.db*") if path.is_file())
    storage = str(volumes(owner)["data"]["host"])
    assert password not in owner.lab.script(storage, "ps axww")
    wait(lambda: str(owner.instances()["a"]["state"] == "ACTIVE" or ""), 30)
