"""Many hosts in memory, with instances that are recorded ACTIVE and true on them."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct, structs

from orchestrator import store as stores
from orchestrator.commands.command import Batch, Record
from orchestrator.model import desired
from orchestrator.model.host import Host, Inventory
from orchestrator.ports.store import Store
from orchestrator.ports.transport import Transport
from orchestrator.services import apply, plan
from orchestrator.services.app import App
from tests.crash.harness import Clock, Ids
from tests.fakes.host import FakeFleet


class Told:
    """What hosts answered once, kept in a folder, and told again: neither the time nor the memory of hosts that are none is then in what is measured.

    With a `fleet`, it is asked, and its answers are kept.
    """

    def __init__(self, folder: Path, fleet: FakeFleet | None = None) -> None:
        self._folder, self._fleet = folder, fleet

    def run(self, host: Host, batch: Batch, on_record: Callable[[Record], None]) -> tuple[Record, ...]:
        """As the port says. Raises KeyError for a question that the hosts were never asked."""
        path = self._folder / f"{host.name}.answers"
        if self._fleet is None:
            return pickle.loads(path.read_bytes())[batch.reads]  # type: ignore[no-any-return]  # noqa: S301  # our own test data
        answer = self._fleet.run(host, batch, on_record)
        path.write_bytes(pickle.dumps({batch.reads: answer}))
        return answer

    def trips(self, host: str) -> int:
        """As the port says, of those that the fleet was asked in."""
        return self._fleet.trips(host) if self._fleet else 0

    def close(self) -> None:
        """Nothing to close."""


class World(Struct, frozen=True):
    """A playbook, an inventory, a store in a folder, and the hosts behind a transport."""

    app: App
    wished: desired.Desired

    def plan(self) -> None:
        """A plan of no change."""
        found, _ = plan.plan(self.app, self.wished)
        assert not found.pending, "something is not as it is wanted"
        assert not found.unreachable, "a host does not answer"

    def close(self) -> None:
        """Let go of the store."""
        self.app.store.close()


def make(folder: Path, hosts: int, each: int) -> None:
    """Hosts and so many instances on each, made, and what they say to a plan kept in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "guest.raw").write_bytes(bytes(1024))
    fleet = FakeFleet(_names(hosts))
    made = _world(folder, hosts, each, fleet)
    report = apply.apply(made.app, made.wished)
    assert report.exit_code == 0, report.recap
    structs.replace(made, app=structs.replace(made.app, transport=Told(folder, fleet))).plan()
    made.close()


def known(folder: Path, hosts: int, each: int) -> World:
    """What was made there."""
    return _world(folder, hosts, each, Told(folder))


def _world(folder: Path, hosts: int, each: int, transport: Transport) -> World:
    store: Store = stores.open(f"sqlite:///{folder}/state.db", Clock(), Ids())
    inventory = {name: Host(name, name, virt_type="qemu", physical_networks={"phys0": "br-phys0"}) for name in _names(hosts)}
    app = App(Inventory(inventory, {"all": tuple(inventory)}), transport, store, Clock())
    return World(app, _wished(folder / "guest.raw", tuple(inventory), hosts * each))


def _names(hosts: int) -> list[str]:
    return [f"n{number}" for number in range(1, hosts + 1)]


def _wished(image: Path, hosts: tuple[str, ...], count: int) -> desired.Desired:
    """Instances with three disks, a port and a security group, dealt out to the hosts in turn."""
    data = image.read_bytes()
    guest = desired.Image("guest", str(image), hashlib.sha256(data).hexdigest(), "raw", len(data), 1 << 20)
    network = desired.Network("private", "phys0", subnets=(desired.Subnet("10.0.0.0/16"),))
    rules = (desired.Rule("ingress", "IPv4", "tcp", 22, 22), desired.Rule("egress", "IPv4"))
    wish = desired.InstanceRequest("", "small", "guest", hosts, (desired.NetworkRequest("private"),), security_groups=("web",))
    numbered = (
        structs.replace(wish, name=f"vm-{number}", hosts=(hosts[number % len(hosts)],), where=f"site.yaml:{number + 1}:1")
        for number in range(count)
    )
    return desired.Desired(
        {"small": desired.Flavor("small", 1, 64, 1, 1, 64)},
        {"guest": guest},
        {"private": network},
        {},
        {each.name: each for each in numbered},
        {"web": desired.SecurityGroup("web", rules)},
    )
