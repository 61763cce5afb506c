"""A controller in a process of its own, killed with SIGKILL at a chosen point; hosts and store outlive it, as they do in life."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import time
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from msgspec import Struct
from msgspec.structs import replace

from orchestrator import store as stores
from orchestrator.commands.command import Action
from orchestrator.model import desired
from orchestrator.model.host import Host, Inventory
from orchestrator.services import apply, lifecycle
from orchestrator.services.app import App
from orchestrator.services.report import Report
from tests.fakes.host import FakeFleet

HOST = "n1"
WRITES = ("begin", "place", "commit", "finish")
KILLED = -signal.SIGKILL
FAILING = "failing apply"
"""An apply whose guest does not start on the first host, so that all is undone there; hosts of later controllers are well again."""
DEATHS = (("before", "finish"), ("before", "abandon"), ("after", "abandon"), ("before", "linger"))
"""A job that goes on is the same after an action as before the next one."""


class Clock:
    """Real time, but no waiting for it."""

    def now(self) -> str:
        return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        return None


class Ids:
    def uuid(self) -> str:
        return str(uuid4())


class Point(Struct, frozen=True):
    """Where the controller dies: at the n-th store write or action, before or after it, and what becomes of the job under way on the host."""

    kind: str  # write | action
    number: int
    when: str  # before | after
    job: str = "finish"  # finish: goes on to its end | abandon: dies too | linger: goes on once somebody looks


class Killer:
    """Counts down to the point, then kills this very process."""

    def __init__(self, point: Point | None, fleet: FakeFleet) -> None:
        self.point, self.fleet = point, fleet
        self.counts = {"write": 0, "action": 0}

    def reach(self, kind: str, when: str) -> None:
        if when == "before":
            self.counts[kind] += 1
        point = self.point
        if point and (point.kind, point.number, point.when) == (kind, self.counts[kind], when):
            if point.job != "linger":
                for host in self.fleet.hosts:
                    getattr(self.fleet, point.job)(host)
            os.kill(os.getpid(), signal.SIGKILL)

    def on_action(self, host: str, job: str, lane: str, index: int, action: Action, when: str) -> None:
        self.reach("action", when)


class Watched:
    """A store whose writes are points."""

    def __init__(self, store: object, killer: Killer) -> None:
        self._store, self._killer = store, killer

    def __getattr__(self, name: str) -> object:
        found = getattr(self._store, name)
        if name not in WRITES:
            return found

        def write(*arguments: object, **named: object) -> object:
            self._killer.reach("write", "before")
            answer = found(*arguments, **named)
            self._killer.reach("write", "after")
            return answer

        return write


class World(Struct, frozen=True):
    """A folder with the hosts and the store in it; or a store elsewhere: its URL is `state`."""

    folder: Path
    image: Path
    hosts: tuple[str, ...] = (HOST,)
    state: str = ""

    @property
    def url(self) -> str:
        return self.state or f"sqlite:///{self.folder}/state.db"

    @classmethod
    def new(cls, folder: Path, *others: str) -> World:
        folder.mkdir()
        image = folder.parent / "image.qcow2"
        if not image.exists():
            image.write_bytes(b"boot" + bytes(508))
        world = cls(folder, image, (HOST, *others))
        FakeFleet(world.hosts, folder / "hosts")
        return world

    def copy(self, name: str) -> World:
        """The same world, to be damaged."""
        target = self.folder.parent / name
        shutil.copytree(self.folder, target)
        return replace(self, folder=target)

    def desired(self, state: str = "active") -> desired.Desired:
        """One instance with every kind of disk, a config drive and a port."""
        data = self.image.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        image = desired.Image("guest", str(self.image), digest, "raw", len(data), 1 << 20, properties={"os_shutdown_timeout": "1"})
        network = desired.Network("private", "phys0", subnets=(desired.Subnet("10.0.0.0/24"),))
        request = desired.InstanceRequest(
            "vm", "small", "guest", self.hosts, (desired.NetworkRequest("private"),), config_drive=True, state=state
        )
        flavor = desired.Flavor("small", 1, 64, 1, 1, 64)
        return desired.Desired({"small": flavor}, {"guest": image}, {"private": network}, {}, {"vm": request})

    def fleet(self) -> FakeFleet:
        return FakeFleet.load(self.folder / "hosts")

    def run(self, *verbs: str, point: Point | None = None) -> tuple[int, dict[str, int]]:
        """Exit code of a controller that does the verbs (KILLED at the point), and, when it lived, how many writes and actions it made."""
        answer = self.folder / "answer"
        answer.unlink(missing_ok=True)
        child = os.fork()
        if child == 0:
            try:
                counts, report = self._act(verbs, point)
                answer.write_text(json.dumps([counts, report.recap]))
                os._exit(0)
            except BaseException:
                (self.folder / "traceback").write_text(traceback.format_exc())
                os._exit(1)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert code != 1, (self.folder / "traceback").read_text()
        return code, json.loads(answer.read_text())[0] if answer.exists() else {}

    def recap(self) -> str:
        """What the last controller that lived said at its end."""
        return str(json.loads((self.folder / "answer").read_text())[1])

    def warm(self) -> None:
        """One apply in this very process, so that what is imported and compiled for it is not so again in each child."""
        self._act(("apply",), None)

    def _act(self, verbs: Sequence[str], point: Point | None) -> tuple[dict[str, int], Report]:
        fleet = self.fleet()
        killer = Killer(point, fleet)
        fleet.on_action = killer.on_action
        opened = stores.open(self.url, Clock(), Ids())
        store = Watched(opened, killer)
        host = Host(HOST, HOST, virt_type="qemu", physical_networks={"phys0": "br-phys0"}, volume_backends={"iscsi": {}})
        hosts = {name: replace(host, name=name, address=name) for name in self.hosts}
        wait = 10.0 if self.state else 0.0  # a server hears of a death a moment later
        app = App(Inventory(hosts, {"all": self.hosts}), fleet, store, Clock(), wait=wait)  # type: ignore[arg-type]
        reports = [self._do(app, fleet, verb) for verb in verbs]
        opened.close()
        return killer.counts, reports[-1]

    def _do(self, app: App, fleet: FakeFleet, verb: str) -> Report:
        if verb == FAILING:
            fleet.fail(HOST, "qemu:///system start", stderr="error: no memory")
        there = [record.instance.name for record in app.store.records()]  # `destroy site.yaml` names those of its instances that there are
        return apply.apply(app, self.desired()) if "apply" in verb else lifecycle.act(app, verb, there)


def points(counts: dict[str, int], deaths: Sequence[tuple[str, str]] = DEATHS) -> list[Point]:
    """Every point of a controller that made so many writes and actions, each action with every one of the deaths."""
    writes = [Point("write", number, when) for number in range(1, counts["write"] + 1) for when in ("before", "after")]
    actions = [Point("action", number, *how) for number in range(1, counts["action"] + 1) for how in deaths]
    return writes + actions
