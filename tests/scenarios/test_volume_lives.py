"""What volumes hold is never lost to a run that meant well: files that are gone for a while, builds that fail, hosts that are down, runs that are cut."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.services import apply, volumes
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
