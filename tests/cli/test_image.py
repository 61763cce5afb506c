"""`orchestrator image` on in-memory hosts."""

from __future__ import annotations

import hashlib
import json

import pytest

from orchestrator.model import names
from tests.cli.world import PLAYBOOK, Operator
from tests.fakes.state import File
from tests.playbook.samples import Qcow2

CONTENT = Qcow2().content()
DIGEST = hashlib.sha256(CONTENT).hexdigest()
PATH = "/var/lib/nova/instances"
BASE = names.base(PATH, names.image_id("guest", DIGEST))
URL = "http://images.example.com/guest.qcow2"


@pytest.fixture
def applied(operator: Operator) -> Operator:
    operator.ok("apply", "site.yaml")
    return operator


def homes(operator: Operator) -> set[str]:
    found = json.loads(operator.ok("get", "instances", "-o", "json").out)
    return {each["host"] for each in found}


def fetched(operator: Operator, *hosts: str) -> None:
    for host in hosts:
        operator.fleet.hosts[host].web[URL] = CONTENT


def remote(checksum: str = f"sha256:{DIGEST}") -> str:
    return PLAYBOOK.replace("source: guest.qcow2", f'source: "{URL}", checksum: "{checksum}"')


def test_images_are_listed_with_their_hosts(applied: Operator) -> None:
    found = applied.ok("image", "list", "-o", "json").json
    (listed,) = found["images"]  # type: ignore[index]
    assert (listed["name"], listed["size"], listed["checksum"]) == ("guest", 1 << 30, f"sha256:{DIGEST}")
    assert {each["host"] for each in listed["hosts"]} == homes(applied)
    assert {each["path"] for each in listed["hosts"]} == {BASE}
    assert applied.ok("image", "list", "-o", "name").out == "guest\n"
    assert applied.ok("image", "list").out.splitlines()[1].startswith("guest  1073741824  sha256:")


def test_push_brings_it_where_it_is_not_and_apply_finds_it(operator: Operator) -> None:
    assert operator("image", "push", "guest").code == 1, "nobody knows it yet"
    done = operator.ok("image", "push", "--file", "site.yaml", "guest", "n1", "-o", "json").json
    assert [(each["host"], each["status"]) for each in done["hosts"]] == [("n1", "pushed")]  # type: ignore[index]
    done = operator.ok("image", "push", "--file", "site.yaml", "guest", "-o", "json").json
    assert [(each["host"], each["status"]) for each in done["hosts"]] == [("n1", "there"), ("n2", "pushed")]  # type: ignore[index]
    operator.ok("apply", "site.yaml")
    for host in operator.fleet.hosts.values():
        conversions = [entry for entry in host.journal if "convert-image" in entry.argv]
        assert [entry.step for entry in conversions] == ["push"]
    assert operator.ok("image", "push", "guest").out.count("there") == 2


def test_a_fetched_image_is_pushed_and_applied(operator: Operator) -> None:
    operator.write("site.yaml", remote())
    fetched(operator, "n1", "n2")
    operator.ok("image", "push", "--file", "site.yaml", "guest", "n1")
    operator.ok("apply", "site.yaml")
    assert operator.ok("plan", "site.yaml").out.startswith("No changes")
    assert homes(operator) == {"n1", "n2"}


def test_what_is_fetched_and_is_not_it_is_told_and_leaves_nothing(operator: Operator) -> None:
    operator.write("site.yaml", remote(f"sha256:{'0' * 64}"))
    fetched(operator, "n1", "n2")
    done = operator("apply", "site.yaml")
    assert done.code == 3
    assert f"expected sha256:{'0' * 64}, got sha256:{DIGEST}" in done.err
    assert all("/_base/" not in path for host in operator.fleet.hosts.values() for path in host.files)
    operator.ok("destroy", "--yes", "site.yaml")
    missing = remote().replace("guest.qcow2", "gone.qcow2")
    operator.write("site.yaml", missing)
    assert "gone.qcow2: expected an image, got status 404" in operator("apply", "site.yaml").err


def test_a_fetched_image_larger_than_the_flavor_is_told(operator: Operator) -> None:
    content = Qcow2(virtual=2 << 30, l1=(4, 1 << 16)).content()
    operator.write("site.yaml", remote(f"sha256:{hashlib.sha256(content).hexdigest()}"))
    for host in operator.fleet.hosts.values():
        host.web[URL] = content
    done = operator("apply", "site.yaml")
    assert (done.code, "the image has a disk of 2147483648 bytes, the flavor one of 1073741824" in done.err) == (3, True)


def test_prune_keeps_what_something_rests_on(applied: Operator) -> None:
    assert "nothing to remove" in applied.ok("image", "prune", "--yes").err
    applied.ok("destroy", "--yes", "web-1", "web-2", "web-3")
    (host, *_) = homes_of_base(applied)
    assert applied("image", "prune").code == 64, "nobody to ask"
    assert homes_of_base(applied), "nothing is removed without a yes"
    assert "nothing to remove" in applied.ok("image", "prune", "--yes", "--older-than", "48").err
    state = applied.fleet.hosts[host]
    foreign = state.files[f"{PATH}/somebody/disk"] = File(b"QFI\xfb\0\0\0\3" + overlay_of(BASE))
    assert foreign
    applied.ok("image", "prune", "--yes")
    assert homes_of_base(applied) == [host], "somebody else's disk rests on it there"
    del state.files[f"{PATH}/somebody/disk"]
    done = applied.ok("image", "prune", "--yes")
    assert "guest on" in done.err
    assert homes_of_base(applied) == []
    assert all("/_base/" not in path for each in applied.fleet.hosts.values() for path in each.files)


def overlay_of(base: str) -> bytes:
    name = base.encode()
    return (0x210).to_bytes(8, "big") + len(name).to_bytes(4, "big") + bytes(0x210 - 20) + name


def homes_of_base(operator: Operator) -> list[str]:
    return [name for name, host in operator.fleet.hosts.items() if BASE in host.files]


def test_verify_names_what_is_damaged_and_who_is_on_it(applied: Operator) -> None:
    assert applied.ok("image", "verify").out.count("whole") == len(homes(applied))
    host = applied.fleet.hosts["n1"]
    good = host.files[BASE]
    assert isinstance(good, File)
    host.files[BASE] = File(b"X" + good.content[1:], good.size)
    done = applied("image", "verify", "guest", "-o", "json")
    assert done.code == 2
    found = {each["host"]: each for each in done.json["images"]}  # type: ignore[index]
    assert "sha256:" in found["n1"]["status"]
    assert found["n1"]["instances"]
    assert found["n2"]["status"] == "whole"
    assert applied("image", "verify", "other").code == 1


def test_a_base_that_was_cut_short_blocks_the_way_and_is_never_replaced(applied: Operator) -> None:
    host = applied.fleet.hosts["n1"]
    before = host.files[BASE] = File(b"cut")
    (name, *_) = (each["name"] for each in json.loads(applied.ok("get", "instances", "-o", "json").out) if each["host"] == "n1")
    done = applied("hard-reboot", name)
    assert (done.code, "it has 3 bytes, and had 1073741824" in done.err) == (3, True)
    assert host.files[BASE] == before
    assert applied("image", "verify").code == 2


def test_a_lost_base_is_made_again_only_as_it_was(applied: Operator) -> None:
    host = applied.fleet.hosts["n1"]
    (name, *_) = (each["name"] for each in json.loads(applied.ok("get", "instances", "-o", "json").out) if each["host"] == "n1")
    before = host.files.pop(BASE)
    applied.ok("hard-reboot", name)
    assert host.files[BASE] == before
    manifest = host.files[f"{BASE}.sha256"]
    assert isinstance(manifest, File)
    del host.files[BASE]
    host.files[f"{BASE}.sha256"] = File(manifest.content.replace(manifest.content.split(b"\n")[1][:64], b"0" * 64))
    done = applied("hard-reboot", name)
    assert (done.code, "disks may rest on what it was" in done.err) == (3, True)
    assert BASE not in host.files


def test_a_host_that_is_away_is_told(applied: Operator) -> None:
    applied.fleet.unreachable("n2")
    for verb in (("list",), ("verify",), ("prune", "--yes"), ("push", "guest")):
        done = applied("image", *verb)
        assert (done.code, "n2" in done.out + done.err) == (4, True), verb


def on(operator: Operator, host: str) -> str:
    """An instance there."""
    return str(next(each["name"] for each in json.loads(operator.ok("get", "instances", "-o", "json").out) if each["host"] == host))


@pytest.fixture
def small(operator: Operator) -> Operator:
    """A disk of some pieces, and applied."""
    operator.write("guest.raw", "")
    (operator.folder / "guest.raw").write_bytes(b"boot".ljust(3 << 20, b"\0") + b"end.".ljust(512, b"\1"))
    operator.write("site.yaml", PLAYBOOK.replace("source: guest.qcow2", "source: guest.raw, disk_format: raw"))
    operator.ok("apply", "site.yaml")
    return operator


def base(operator: Operator) -> str:
    return next(path for path in operator.fleet.hosts["n1"].files if len(path.rpartition("/_base/")[2]) == 40)


def test_a_lost_image_whose_source_is_gone_comes_from_another_host(small: Operator) -> None:
    path, name = base(small), on(small, "n1")
    (small.folder / "guest.raw").unlink()
    before, manifest = small.fleet.hosts["n1"].files.pop(path), small.fleet.hosts["n1"].files.pop(f"{path}.sha256")
    small.ok("hard-reboot", name)
    assert small.fleet.hosts["n1"].files[path] == before
    assert small.fleet.hosts["n1"].files[f"{path}.sha256"] == manifest, "it still names what it was made of"
    assert list((small.folder / ".cache").rglob("image-*")) == []


def test_no_damaged_copy_is_taken_from_another_host(small: Operator) -> None:
    path, name = base(small), on(small, "n1")
    (small.folder / "guest.raw").unlink()
    del small.fleet.hosts["n1"].files[path]
    there = small.fleet.hosts["n2"].files[path]
    assert isinstance(there, File)
    small.fleet.hosts["n2"].files[path] = File(b"B" + there.content[1:], there.size)
    done = small("hard-reboot", name)
    assert (done.code, "guest.raw" in done.err) == (3, True)
    assert path not in small.fleet.hosts["n1"].files
    assert list((small.folder / ".cache").rglob("image-*")) == []


def test_an_image_from_an_address_comes_from_another_host_when_the_instance_ran(operator: Operator) -> None:
    content = Qcow2(virtual=4 << 20).content()
    operator.write("site.yaml", remote(f"sha256:{hashlib.sha256(content).hexdigest()}"))
    for host in operator.fleet.hosts.values():
        host.web[URL] = content
    operator.ok("apply", "site.yaml")
    for host in operator.fleet.hosts.values():
        host.web.clear()
    path = base(operator)
    before = operator.fleet.hosts["n1"].files.pop(path)
    operator.ok("hard-reboot", on(operator, "n1"))
    after = operator.fleet.hosts["n1"].files[path]
    assert isinstance(before, File)
    assert isinstance(after, File)
    assert b"".join(after.chunks()) == b"".join(before.chunks())
