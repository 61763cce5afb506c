"""A lost image comes from another host that holds it, if that one holds what the disks rest on; a full disk here is no hindrance."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec.structs import replace

from orchestrator.files.copies import Folder
from orchestrator.model import errors
from orchestrator.services import apply, images
from tests.fakes.state import File
from tests.scenarios.conftest import Site

URL = "https://images.example.com/guest.raw"


@dataclass
class Copies(Folder):
    """A real folder; `full`: nothing can be kept. `kept` counts what was."""

    folder: Path
    full: bool = False
    kept: int = 0

    def __post_init__(self) -> None:
        super().__init__(self.folder)

    def keep(self, digest: str, pieces: Iterable[bytes]) -> str | None:
        if self.full:
            raise errors.OrchestratorError("no room for the copy of an image")
        self.kept += 1
        return super().keep(digest, pieces)


@pytest.fixture
def copies(tmp_path: Path) -> Copies:
    return Copies(tmp_path / "copies")


@pytest.fixture
def ran(site: Site, copies: Copies) -> Site:
    """An instance on each host, of an image from an address; the first host has lost it."""
    site.app = replace(site.app, copies=copies)
    wished = site.desired("a", "b")
    image = replace(wished.images["guest"], source=URL, size=0, virtual_size=0)
    for host in site.fleet.hosts.values():
        host.web[URL] = site.image.read_bytes()
    instances = {name: replace(wished.instances[name], hosts=(host,)) for name, host in zip(("a", "b"), site.fleet.hosts, strict=True)}
    wished = replace(wished, images={"guest": image}, instances=instances)
    assert apply.apply(site.app, wished).exit_code == 0
    host = site.fleet.hosts[site.record("a").instance.host]
    del host.files[base(site)]
    return site


def base(site: Site, name: str = "a") -> str:
    return site.record(name).instance.disks[0].base.path


def test_it_comes_from_a_host_that_has_it(ran: Site, copies: Copies) -> None:
    for host in ran.fleet.hosts.values():
        host.web.clear()
    assert ran.act("hard-reboot", "a").exit_code == 0
    assert (copies.kept, list(copies.folder.iterdir())) == (1, [])


def test_a_full_disk_of_this_machine_ends_nothing(ran: Site, copies: Copies) -> None:
    copies.full = True
    assert ran.act("hard-reboot", "a").exit_code == 0
    assert base(ran) in ran.fleet.hosts[ran.record("a").instance.host].files


def test_what_another_host_holds_is_held_to_this_ones_manifest(ran: Site, copies: Copies) -> None:
    """The other one's manifest says that its own is whole, and it is another one."""
    there = ran.fleet.hosts[ran.record("b").instance.host]
    other = File(b"another")
    there.files[base(ran)] = other
    manifest = there.file(f"{base(ran)}.sha256")
    assert manifest
    about = manifest.content.split(b"\n")[0].split(b" ")
    about[1] = b"7"
    digest = hashlib.sha256(other.content).hexdigest().encode()
    manifest.content = b" ".join(about) + b"\n" + digest + b"  " + base(ran).rpartition("/")[2].encode() + b"\n"
    assert ran.act("hard-reboot", "a").exit_code == 0
    assert copies.kept == 0


def test_prune_asks_what_is_recorded_right_before_it_removes(site: Site) -> None:
    """An instance that was recorded after the images were chosen has no disk on the host yet."""
    site.apply("vm")
    instance = site.record("vm").instance
    host = site.app.inventory.hosts[instance.host]
    state = site.fleet.hosts[host.name]
    for disk in instance.disks:
        del state.files[disk.path]
    (shelf,) = images.shelves(site.app, [host])
    (done,) = images.prune(site.app, [(host, held) for held in shelf.images])
    assert (done.status, done.why) == ("kept", "disks of vm rest on it")
    assert base(site, "vm") in state.files
