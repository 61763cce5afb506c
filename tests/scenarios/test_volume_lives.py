"""What volumes hold is never lost to a run that meant well: files that are gone for a while, builds that fail, hosts that are down, runs that are cut."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from orchestrator.model import desired, errors
from orchestrator.ports.store import Run
from orchestrator.ports.writes import NewVolume, Write
from orchestrator.services import apply, lifecycle, plan, volumes
from orchestrator.services.app import App
from tests.fakes.state import File
from tests.scenarios.conftest import Site
from tests.scenarios.test_volumes import statuses, storage, wished  # noqa: F401  # a fixture


def local_file(site: Site, name: str = "data") -> tuple[dict[str, object], str]:
    """The files of the volume's host, and the volume's."""
    volume = volumes.find(site.app, name).volume
    return site.fleet.hosts[volume.host].files, f"/var/lib/nova/instances/volumes/volume-{volume.id}"  # type: ignore[return-value]


@pytest.mark.parametrize("verb", ["attach", "apply"])
def test_a_local_volume_that_is_lost_while_it_is_free_is_not_made_again(site: Site, verb: str) -> None:
    apply.apply(site.app, wished(site, "data", backend="local"))
    volumes.detach(site.app, "vm", "data")
    files, path = local_file(site)
    del files[path]
    report = volumes.attach(site.app, "vm", "data") if verb == "attach" else apply.apply(site.app, wished(site, "data", backend="local"))
    assert (report.exit_code, path in files) == (3, False)
    assert "an empty one will not be put in its place" in report.outcomes[0].fault


def test_a_build_that_fails_takes_no_volume_along_that_was_used_before(site: Site) -> None:
    apply.apply(site.app, wished(site, "data", backend="local"))
    site.act("destroy", "vm")
    files, path = local_file(site)
    data = files.pop(path)  # its file system is not mounted
    report = apply.apply(site.app, wished(site, "data", backend="local"))
    assert (report.exit_code, path in files) == (3, False)
    files[path] = data
    site.fleet.fail(volumes.find(site.app, "data").volume.host, "start --domain", stderr="boom", times=3)
    assert apply.apply(site.app, wished(site, "data", backend="local")).exit_code == 3
    assert files[path] is data


def test_a_build_that_fails_takes_along_what_it_made(site: Site) -> None:
    for host in site.fleet.hosts:
        site.fleet.fail(host, "start --domain", stderr="boom", times=1)
    assert apply.apply(site.app, wished(site, "data", backend="local")).exit_code == 3
    files, path = local_file(site)
    assert path not in files
    assert apply.apply(site.app, wished(site, "data", backend="local")).exit_code == 0
    assert isinstance(files[path], File)


@pytest.mark.parametrize("backend", ["local", "iscsi"])
def test_a_volume_that_outlived_its_instance_is_the_next_ones(storage: Site, backend: str) -> None:  # noqa: F811
    for name in ("n1", "n2"):
        hosts = {**storage.app.inventory.hosts}
        hosts[name] = replace(hosts[name], volume_backends={"iscsi": {"initiator": "host"}})
        storage.app = replace(storage.app, inventory=replace(storage.app.inventory, hosts=hosts))
    apply.apply(storage.app, wished(storage, "data", backend=backend))
    storage.act("destroy", "vm")
    assert apply.apply(storage.app, wished(storage, "data", backend=backend)).exit_code == 0
    assert statuses(storage)["data"] == "in-use"


def away(site: Site, *names: str) -> App:
    """The inventory without some hosts."""
    hosts = {name: host for name, host in site.app.inventory.hosts.items() if name not in names}
    return replace(site.app, inventory=replace(site.app.inventory, hosts=hosts))


def on_second(site: Site, *names: str) -> desired.Desired:
    """Instances on the second host; the first of them, vm, has volume `data`, which is the first host's."""
    found = wished(site, "data", names=("vm", *names))
    return replace(found, instances={name: replace(wish, hosts=("n2",)) for name, wish in found.instances.items()})


def test_a_storage_host_that_is_down_holds_only_what_has_its_volumes(storage: Site) -> None:  # noqa: F811
    assert apply.apply(storage.app, on_second(storage, "other")).exit_code == 0
    storage.act("stop", "vm", "other")
    storage.fleet.unreachable("n1")
    made = plan.plan(storage.app, on_second(storage, "other", "third"))[0]
    assert {change.name: change.verb for change in made.changes} == {"vm": "unreachable", "other": "start", "third": "create"}
    report = apply.apply(storage.app, on_second(storage, "other", "third"))
    assert {each.name: each.status for each in report.outcomes} == {"vm": "unreachable", "other": "changed", "third": "changed"}
    assert (report.exit_code, {each.host for each in report.hosts if each.status == "unreachable"}) == (4, {"n1"})
    storage.act("stop", "other")
    for verb in ("start", "hard-reboot"):
        report = storage.act(verb, "vm", "other")
        assert {each.name: (each.status, each.state) for each in report.outcomes} == {
            "vm": ("unreachable", "STOPPED"),
            "other": ("changed", "ACTIVE"),
        }
    assert storage.act("destroy", "vm").outcomes[0].status == "changed"


def test_a_volume_of_a_host_that_left_holds_its_instance_alone(storage: Site) -> None:  # noqa: F811
    apply.apply(storage.app, on_second(storage, "other"))
    storage.act("stop", "vm", "other")
    report = apply.apply(away(storage, "n1"), on_second(storage, "other"))
    assert {each.name: each.status for each in report.outcomes} == {"vm": "unreachable", "other": "changed"}
    assert "host 'n1' is not in the inventory" in report.outcomes[0].fault


def test_an_instance_whose_host_left_is_told_as_such(storage: Site) -> None:  # noqa: F811
    apply.apply(storage.app, on_second(storage))
    wish = on_second(storage)
    wish = replace(wish, instances={"vm": replace(wish.instances["vm"], hosts=("n1",), volumes=("data", "logs"))})
    before = storage.record("vm")
    report = apply.apply(away(storage, "n2"), wish)
    assert {each.name: each.status for each in report.outcomes} == {"vm": "unreachable"}
    assert "host 'n2' has left the inventory" in report.outcomes[0].fault
    assert storage.record("vm") == before


def test_a_volume_that_is_being_deleted_is_not_wanted_again(storage: Site) -> None:  # noqa: F811
    apply.apply(storage.app, wished(storage))
    with pytest.raises(errors.Conflict, match="put the host back"):
        volumes.delete(away(storage, "n1"), ["data"])
    assert statuses(storage)["data"] == "available"
    storage.fleet.fail("n1", "rm -f -- /var/lib/orchestrator/volumes", stderr="Read-only file system", times=1)
    with pytest.raises(errors.HostError, match="Read-only file system"):
        volumes.delete(storage.app, ["data"])
    assert apply.apply(storage.app, wished(storage)).exit_code == 0
    assert (statuses(storage)["data"], len(storage.fleet.hosts["n1"].targets)) == ("deleting", 1)
    volumes.delete(storage.app, ["data"])
    assert "data" not in statuses(storage)
    apply.apply(storage.app, wished(storage, "data"))
    assert statuses(storage)["data"] == "in-use"


def test_a_size_is_recorded_when_the_volume_has_it(site: Site) -> None:
    apply.apply(site.app, wished(site, "data", backend="local"))
    site.act("stop", "vm")
    site.fleet.fail(site.record("vm").instance.host, "start --domain", stderr="boom", times=9)
    site.act("start", "vm")
    with pytest.raises(errors.StateError, match="it is ERROR"):
        volumes.extend(site.app, "data", 5)
    assert volumes.find(site.app, "data").volume.size == 1
    apply.apply(site.app, wished(site, "data", backend="local"))  # not refused: nothing shrinks


def test_a_local_volume_grows_under_its_instance(site: Site) -> None:
    apply.apply(site.app, wished(site, "data", backend="local"))
    files, path = local_file(site)
    site.fleet.fail(volumes.find(site.app, "data").volume.host, "truncate", stderr="No space left on device", times=1)
    assert volumes.extend(site.app, "data", 5).exit_code == 3
    assert volumes.find(site.app, "data").volume.size == 1
    assert volumes.extend(site.app, "data", 5).exit_code == 0
    assert (volumes.find(site.app, "data").volume.size, files[path].size) == (5, 5 << 30)  # type: ignore[attr-defined]


def test_what_goes_with_an_instance_is_known_after_it(storage: Site) -> None:  # noqa: F811
    apply.apply(storage.app, wished(storage, "data"))
    lifecycle.act(storage.app, "destroy", ["vm"], with_volumes=True)
    assert lifecycle.doomed(storage.store, ["vm"]) == ("data",)
    apply.apply(storage.app, wished(storage, "data"))
    storage.act("destroy", "vm")
    assert lifecycle.doomed(storage.store, ["vm"]) == ()


def test_a_number_that_another_run_took_is_another_one(storage: Site, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    real, others = storage.store.commit, [1]

    def commit(run: Run, writes: Sequence[Write]) -> None:
        if others and any(isinstance(each, NewVolume) for each in writes):
            taken = next(each.volume for each in writes if isinstance(each, NewVolume))
            real(run, [NewVolume(replace(taken, name=f"theirs-{others.pop()}"), "available")])
        real(run, writes)

    monkeypatch.setattr(storage.store, "commit", commit)
    fingerprint = plan.plan(storage.app, wished(storage, "data"))[0].fingerprint()
    assert apply.apply(storage.app, wished(storage, "data"), fingerprint).exit_code == 0
    assert statuses(storage) == {"data": "in-use", "logs": "available", "theirs-1": "available"}
