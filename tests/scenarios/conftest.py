"""A fleet in memory, a store in a file, and the use cases on them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import Struct
from msgspec.structs import replace

from orchestrator import store as stores
from orchestrator.model import desired
from orchestrator.model.host import Host, Inventory
from orchestrator.model.instance import Record
from orchestrator.ports.store import Store
from orchestrator.services import apply, lifecycle
from orchestrator.services.app import App
from orchestrator.services.report import Report
from tests.crash.harness import Clock, Ids
from tests.fakes.host import FakeFleet


class Patient(Clock):
    """Waiting passes no time, but counts as time."""

    def __init__(self) -> None:
        self.slept = 0.0

    def monotonic(self) -> float:
        return self.slept

    def sleep(self, seconds: float) -> None:
        self.slept += seconds


class Site(Struct):
    """Hosts n1, n2, ... and somebody who works on them."""

    fleet: FakeFleet
    store: Store
    app: App
    image: Path

    def desired(self, *names: str, state: str = "active", ram: int = 64, hosts: tuple[str, ...] = ()) -> desired.Desired:
        """Instances of these names."""
        data = self.image.read_bytes()
        image = desired.Image("guest", str(self.image), hashlib.sha256(data).hexdigest(), "raw", len(data), 1 << 20)
        network = desired.Network("private", "phys0", subnets=(desired.Subnet("10.0.0.0/24"),))
        wish = desired.InstanceRequest(
            "", "small", "guest", hosts or tuple(self.fleet.hosts), (desired.NetworkRequest("private"),), state=state
        )
        wishes = {name: replace(wish, name=name, where=f"site.yaml:{number}:1") for number, name in enumerate(names, 1)}
        return desired.Desired({"small": desired.Flavor("small", 1, ram, 1)}, {"guest": image}, {"private": network}, {}, wishes)

    def apply(self, *names: str, state: str = "active", ram: int = 64) -> Report:
        return apply.apply(self.app, self.desired(*names, state=state, ram=ram))

    def act(self, verb: str, *names: str) -> Report:
        return lifecycle.act(self.app, verb, names)

    def record(self, name: str) -> Record:
        return next(record for record in self.store.records() if record.instance.name == name)

    def starts(self) -> int:
        """QEMU processes ever started."""
        return sum(sum(host.starts.values()) for host in self.fleet.hosts.values())


def build(folder: Path, *names: str) -> Site:
    """Hosts of these names, each with 16 GiB of memory, of which 512 MiB are reserved."""
    image = folder / "guest.raw"
    image.write_bytes(bytes(1024))
    fleet = FakeFleet(names)
    store = stores.open(f"sqlite:///{folder}/state.db", Clock(), Ids())
    hosts = {name: Host(name, name, virt_type="qemu", physical_networks={"phys0": "br-phys0"}) for name in names}
    return Site(fleet, store, App(Inventory(hosts, {"all": tuple(hosts)}), fleet, store, Patient()), image)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Two hosts."""
    made = build(tmp_path, "n1", "n2")
    yield made
    made.store.close()
    assert all(not host.unknown for host in made.fleet.hosts.values())
