"""Volumes through whole runs on in-memory hosts: two hosts, the first of which keeps iSCSI volumes."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from orchestrator.model import desired, errors
from orchestrator.services import apply, plan, volumes
from orchestrator.services.report import Report
from tests.scenarios.conftest import Site


def wished(site: Site, *wanted: str, size: int = 1, backend: str = "iscsi", names: tuple[str, ...] = ("vm",)) -> desired.Desired:
    """Instances, the first with volumes, and the volumes `data` and `logs`."""
    found = site.desired(*names)
    every = {name: desired.Volume(name, size, backend, where="site.yaml:9:1") for name in ("data", "logs")}
    instances = {**found.instances, "vm": replace(found.instances["vm"], volumes=wanted)}
    return replace(found, volumes=every, instances=instances)


@pytest.fixture
def storage(site: Site) -> Site:
    """The first host keeps volumes."""
    hosts = {**site.app.inventory.hosts}
    hosts["n1"] = replace(hosts["n1"], groups=("storage",))
    site.app = replace(site.app, inventory=replace(site.app.inventory, hosts=hosts))
    return site


def statuses(site: Site) -> dict[str, str]:
    return {record.volume.name: record.status for record in site.store.volumes()}


def plugged(site: Site, name: str = "vm") -> set[str]:
    """Names of the volumes that the instance's process has."""
    record = site.record(name)
    known = {each.volume.id: each.volume.name for each in site.store.volumes()}
    return {known[uuid] for uuid in site.fleet.hosts[record.instance.host].domains[record.instance.domain].volumes}


def recap(report: Report) -> str:
    return report.recap.partition(", shared")[0]


def test_an_instance_is_made_with_its_volumes_and_applied_again_nothing_changes(storage: Site) -> None:
    assert apply.apply(storage.app, wished(storage, "data")).exit_code == 0
    assert statuses(storage) == {"data": "in-use", "logs": "available"}
    assert plugged(storage) == {"data"}
    assert len(storage.fleet.hosts["n1"].targets) == 2
    assert plan.plan(storage.app, wished(storage, "data"))[0].empty
    assert recap(apply.apply(storage.app, wished(storage, "data"))) == "0 changed, 1 unchanged, 0 failed"


def test_another_list_of_volumes_is_attached_and_detached_live(storage: Site) -> None:
    apply.apply(storage.app, wished(storage, "data"))
    starts = storage.starts()
    assert recap(apply.apply(storage.app, wished(storage, "logs"))) == "1 changed, 0 unchanged, 0 failed"
    assert (plugged(storage), statuses(storage)) == ({"logs"}, {"data": "available", "logs": "in-use"})
    assert (storage.starts(), storage.record("vm").state) == (starts, "ACTIVE")


@pytest.mark.parametrize("state", ["ACTIVE", "STOPPED"])
def test_verbs_attach_and_detach_and_do_nothing_twice(storage: Site, state: str) -> None:
    apply.apply(storage.app, wished(storage))
    if state == "STOPPED":
        storage.act("stop", "vm")
    assert volumes.attach(storage.app, "vm", "data").recap == "1 changed, 0 unchanged, 0 failed"
    assert volumes.attach(storage.app, "vm", "data").recap == "0 changed, 1 unchanged, 0 failed"
    assert statuses(storage)["data"] == "in-use"
    if state == "ACTIVE":
        assert plugged(storage) == {"data"}
    assert volumes.detach(storage.app, "vm", "data").recap == "1 changed, 0 unchanged, 0 failed"
    assert (statuses(storage)["data"], storage.record("vm").state) == ("available", state)
    assert storage.fleet.hosts[storage.record("vm").instance.host].secrets == {}


def test_a_volume_is_one_instances_and_is_not_deleted_under_it(storage: Site) -> None:
    apply.apply(storage.app, wished(storage, "data", names=("vm", "other")))
    with pytest.raises(errors.Conflict, match="in-use by instance 'vm'"):
        volumes.attach(storage.app, "other", "data")
    with pytest.raises(errors.Conflict, match="detach it first; nothing was deleted"):
        volumes.delete(storage.app, ["logs", "data"])
    assert statuses(storage) == {"data": "in-use", "logs": "available"}
    volumes.delete(storage.app, ["logs"])
    assert (statuses(storage), len(storage.fleet.hosts["n1"].targets)) == ({"data": "in-use"}, 1)


def test_what_the_guest_does_not_let_go_of_is_not_free(storage: Site) -> None:
    apply.apply(storage.app, wished(storage, "data"))
    instance = storage.record("vm").instance
    host = storage.fleet.hosts[instance.host]
    host.deaf.add(instance.domain)
    report = volumes.detach(storage.app, "vm", "data")
    assert (report.exit_code, statuses(storage)["data"]) == (3, "detaching")
    assert "does not let go" in report.outcomes[0].fault
    assert (storage.record("vm").state, list(host.secrets)) == ("ACTIVE", [instance.volumes[0].volume.id])
    host.deaf.clear()
    assert volumes.detach(storage.app, "vm", "data").exit_code == 0
    assert statuses(storage)["data"] == "available"


def test_an_attachment_that_fails_is_taken_back(storage: Site) -> None:
    apply.apply(storage.app, wished(storage))
    host = storage.record("vm").instance.host
    storage.fleet.fail(host, "attach-device", stderr="error: no PCI slot is free")
    report = volumes.attach(storage.app, "vm", "data")
    assert (report.exit_code, statuses(storage)["data"]) == (3, "available")
    assert "no PCI slot is free" in report.outcomes[0].fault
    assert (storage.record("vm").state, storage.fleet.hosts[host].secrets) == ("ACTIVE", {})


def test_volumes_outlive_their_instance(storage: Site) -> None:
    apply.apply(storage.app, wished(storage, "data"))
    storage.act("destroy", "vm")
    assert statuses(storage) == {"data": "available", "logs": "available"}
    assert len(storage.fleet.hosts["n1"].targets) == 2


def test_a_local_volume_is_a_file_of_its_first_instances_host(site: Site) -> None:
    apply.apply(site.app, wished(site, "data", backend="local"))
    record = next(each for each in site.store.volumes() if each.volume.name == "data")
    home = site.record("vm").instance.host
    assert record.volume.host == home
    path = f"/var/lib/nova/instances/volumes/volume-{record.volume.id}"
    assert site.fleet.hosts[home].files[path].size == 1 << 30  # type: ignore[union-attr]
    site.act("destroy", "vm")
    assert path in site.fleet.hosts[home].files
    volumes.delete(site.app, ["data"])
    assert path not in site.fleet.hosts[home].files


def test_a_volume_that_is_lost_is_never_replaced_by_a_blank_one(storage: Site) -> None:
    apply.apply(storage.app, wished(storage, "data"))
    host = storage.fleet.hosts["n1"]
    for path in [path for path in host.files if "volume-" in path]:
        del host.files[path]
    storage.act("stop", "vm")
    report = apply.apply(storage.app, wished(storage, "data"))
    assert "blank one will not be put in its place" in report.outcomes[0].fault
    assert (report.exit_code, storage.record("vm").state) == (4, "STOPPED")
    assert not [path for path in host.files if "volume-" in path]


def test_a_lost_target_is_made_again_by_a_hard_reboot(storage: Site) -> None:
    apply.apply(storage.app, wished(storage, "data"))
    storage.fleet.hosts["n1"].targets.clear()
    assert storage.act("hard-reboot", "vm").exit_code == 0
    assert len(storage.fleet.hosts["n1"].targets) == 1
    assert plugged(storage) == {"data"}


def test_volumes_grow_and_never_shrink(storage: Site) -> None:
    apply.apply(storage.app, wished(storage))
    assert apply.apply(storage.app, wished(storage, size=2)).exit_code == 0
    assert {target.size for target in storage.fleet.hosts["n1"].targets.values()} == {2 << 30}
    with pytest.raises(errors.SpecError, match="size: 2 -> 1; a volume never shrinks"):
        apply.apply(storage.app, wished(storage))


def test_without_a_storage_host_the_error_says_what_to_do(site: Site) -> None:
    with pytest.raises(errors.Conflict, match=r"no host offers volumes of backend 'iscsi'.*put a host into the group"):
        apply.apply(site.app, wished(site, "data"))
    assert site.store.volumes() == ()


def test_a_volume_that_cannot_be_made_is_made_by_the_next_apply(storage: Site) -> None:
    storage.fleet.fail("n1", "export-volume", stderr="tgtd is not there", times=1)
    report = apply.apply(storage.app, wished(storage, "data"))
    assert (report.exit_code, report.hosts[0].host, report.hosts[0].status) == (4, "n1", "failed")
    assert "tgtd is not there" in report.hosts[0].fault
    assert set(statuses(storage).values()) == {"error"}
    assert apply.apply(storage.app, wished(storage, "data")).exit_code == 0
    assert statuses(storage) == {"data": "in-use", "logs": "available"}
