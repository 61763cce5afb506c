"""Volumes that are filled from images: an image comes into a host's cache once, in a lane of its own, whoever asks for it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from orchestrator.model import desired, errors
from orchestrator.services import apply
from tests.playbook.samples import Qcow2
from tests.scenarios.conftest import Site
from tests.scenarios.test_volumes import statuses, storage  # noqa: F401  # a fixture

SEAL = "seal-image"


def filled(site: Site, backend: str, wanted: Mapping[str, Mapping[str, str]], image: str = "") -> desired.Desired:
    """Instances on the first host: by name their volumes, and by volume its image. They boot from the first, or from `image`."""
    found = site.desired(*wanted, hosts=("n1",))
    other = site.image.with_name("other.raw")
    other.write_bytes(b"\1" * 1024)
    guest = found.images["guest"]
    images = {
        "guest": guest,
        "other": replace(guest, name="other", source=str(other), digest=hashlib.sha256(other.read_bytes()).hexdigest()),
    }
    volumes = {name: desired.Volume(name, 1, backend, image=of, where="x") for each in wanted.values() for name, of in each.items()}
    instances = {
        name: replace(found.instances[name], image=image, volumes=tuple(each), boot_volume=None if image else next(iter(each)))
        for name, each in wanted.items()
    }
    return replace(found, images=images, volumes=volumes, instances=instances)


def offering(site: Site, backend: str) -> Site:
    """The first host keeps volumes of the backend."""
    if backend == "rbd":
        hosts = site.app.inventory.hosts
        ceph = replace(hosts["n1"], volume_backends={"rbd": {"pool": "volumes", "monitors": "192.0.2.1"}})
        site.app = replace(site.app, inventory=replace(site.app.inventory, hosts={**hosts, "n1": ceph}))
    return site


def seals(site: Site, host: str = "n1") -> list[tuple[str, str]]:
    """Lane and base of every image that was put into the host's cache."""
    return [(entry.lane, entry.argv[5]) for entry in site.fleet.hosts[host].journal if SEAL in entry.argv]


def held_apart(site: Site, host: str = "n1") -> None:
    """Each base was made once, in the lane that is called after it alone."""
    made = seals(site, host)
    assert len(made) == len({base for _, base in made})
    assert all(lane == f"shared/image {base}" for lane, base in made)


@pytest.mark.parametrize("image", ["", "guest"])
def test_local_volumes_of_several_images_and_instances(site: Site, image: str) -> None:
    wanted = filled(site, "local", {"a": {"v1": "guest"}, "b": {"v2": "guest", "v3": "other"}}, image)
    report = apply.apply(site.app, wanted)
    assert [(each.status, each.fault) for each in report.outcomes] == [("changed", ""), ("changed", "")]
    assert set(statuses(site).values()) == {"in-use"}
    assert len(seals(site)) == 2
    held_apart(site)


def test_an_image_that_does_not_come_is_told_of_each_instance_that_waits_for_it(site: Site) -> None:
    """Also of those whose own step is not the one that brought it."""
    mixed = filled(site, "local", {"a": {"v1": "other"}, "b": {"v2": "guest"}}, "guest")
    wanted = replace(mixed, instances={**mixed.instances, "b": replace(mixed.instances["b"], image="", boot_volume="v2")})
    site.fleet.fail("n1", "check-image", stderr="not the image", times=9)
    report = apply.apply(site.app, wanted)
    assert [each.status for each in report.outcomes] == ["failed", "failed"]
    assert all("not the image" in each.fault for each in report.outcomes)


@pytest.mark.parametrize("backend", ["iscsi", "rbd"])
def test_volumes_of_a_storage_host(storage: Site, backend: str) -> None:  # noqa: F811
    offering(storage, backend)
    report = apply.apply(storage.app, filled(storage, backend, {"a": {"v1": "guest"}, "b": {"v2": "guest", "v3": "other"}}))
    assert [(each.status, each.fault) for each in report.outcomes] == [("changed", ""), ("changed", "")]
    assert len(seals(storage)) == 2
    held_apart(storage)
    lanes = [lane for job in storage.fleet.hosts["n1"].jobs.values() for lane in job.batch.lanes if lane.key == "shared/storage"]
    assert all(lane.patient for lane in lanes)  # another run's conversions take longer than a lock is waited for otherwise
    assert lanes


@pytest.mark.parametrize("backend", ["local", "iscsi", "rbd"])
def test_an_image_larger_than_its_volume_is_refused_before_it_is_cut_off(storage: Site, backend: str) -> None:  # noqa: F811
    """One from an address is only measured once it is there."""
    content = Qcow2(virtual=2 << 30, l1=(4, 1 << 16)).content()
    site, url = offering(storage, backend), "https://images.example.com/large.qcow2"
    large = desired.Image("guest", url, hashlib.sha256(content).hexdigest(), "qcow2")
    site.fleet.hosts["n1"].web[url] = content
    wished = filled(site, backend, {"a": {"v1": "guest"}})
    wished = replace(wished, images={**wished.images, "guest": large})
    try:
        said = apply.apply(site.app, wished).outcomes[0].fault
    except errors.HostError as error:
        said = str(error)
    assert "the image has a disk of 2147483648 bytes, the volume one of 1073741824" in said
    host = site.fleet.hosts["n1"]
    assert not [path for path in (*host.files, *host.images) if "volume-" in path]
