"""The command in this process, as an operator with a folder of their own would run it, on in-memory hosts."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path

import pytest
from msgspec import Struct, field

from orchestrator import main
from orchestrator.cli import run
from orchestrator.cli.interruption import Interruption, again
from tests.fakes.host import FakeFleet
from tests.playbook.samples import Qcow2

INVENTORY = """\
compute:
  hosts:
    n1: {physical_networks: {phys0: br-phys0}, virt_type: qemu}
    n2: {physical_networks: {phys0: br-phys0}, virt_type: qemu, availability_zone: az2}
"""
PLAYBOOK = """\
- name: Web
  hosts: compute
  vars: {count: 3}
  flavors: [{name: tiny, vcpus: 1, ram: 64, disk: 1}]
  images: [{name: guest, source: guest.qcow2}]
  networks:
    - {name: flat, provider: {type: flat, physical_network: phys0}, subnets: [{cidr: 10.0.0.0/24}]}
  keypairs: [{name: ops, public_key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGHEsOGmhZnv1wVXmpFmNfdSGEhJMXCcFs06VNRNNu4Y ops}]
  instances:
    - {name: "web-{{ item }}", loop: "{{ range(1, count + 1) }}", flavor: tiny, image: guest, keypair: ops,
       networks: [{network: flat}], metadata: {role: web}, tags: [web]}
"""
NOW = "2026-01-01T00:00:00.000Z"


class Clock:
    """The same moment for ever, but that waiting passes."""

    def __init__(self) -> None:
        self.waited = 0.0

    def now(self) -> str:
        return NOW

    def monotonic(self) -> float:
        return self.waited

    def sleep(self, seconds: float) -> None:
        self.waited += seconds


class Ids:
    """Ids that a golden file can hold: those of one store are the same each time."""

    def __init__(self) -> None:
        self.count = 0

    def uuid(self) -> str:
        self.count += 1
        return str(uuid.UUID(int=self.count, version=4))


class Wired(main.Wiring):
    """The real wiring, but for the hosts, the time and the ids."""

    def __init__(self, interruption: Interruption, fleet: FakeFleet, ids: Ids) -> None:
        super().__init__(interruption)
        self.fleet, self.clock, self.ids = fleet, Clock(), ids  # type: ignore[assignment]

    @cached_property
    def transport(self) -> FakeFleet:  # type: ignore[override]
        return self.fleet

    def reach(self, hosts: Iterable[str]) -> None:
        """Hosts in memory need no connection."""


class Result(Struct, frozen=True):
    """What an invocation came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> object:
        return json.loads(self.out)


class Operator(Struct):
    """Runs the command; `fleet` outlives each invocation."""

    folder: Path
    capture: pytest.CaptureFixture[str]
    fleet: FakeFleet = field(default_factory=lambda: FakeFleet(["n1", "n2"]))
    ids: Ids = field(default_factory=Ids)

    def __call__(self, *argv: str) -> Result:
        """Run `orchestrator ARGV...`."""
        self.capture.readouterr()
        interruption = Interruption(again(argv))
        wiring = Wired(interruption, self.fleet, self.ids)
        try:
            code = run.run(argv, wiring, interruption)
        finally:
            wiring.close()
        out, err = self.capture.readouterr()
        assert "Traceback" not in out + err
        return Result(code, out, err)

    def ok(self, *argv: str) -> Result:
        """Run it; it must succeed."""
        done = self(*argv)
        assert done.code == 0, done
        return done

    def write(self, name: str, text: str) -> str:
        """A file in the operator's folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return str(path)


def settle(folder: Path) -> None:
    """An inventory, a playbook and an image."""
    (folder / "inventory").write_text(INVENTORY)
    (folder / "site.yaml").write_text(PLAYBOOK)
    (folder / "guest.qcow2").write_bytes(Qcow2().content())


def environment(folder: Path) -> Mapping[str, str]:
    """Of an operator whose home is the folder."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("ORCHESTRATOR_", "XDG_", "NO_COLOR", "_ORCHESTRATOR"))
    }
    return {**kept, "HOME": str(folder)}
