"""Each kind of damage done to a real host: a diagnosis names it, and so does verify; a repair mends it under guests that run on, or says that it cannot."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from orchestrator.planning.diagnosis import Repair
from tests.e2e.conftest import Lab, Operator
from tests.recovery.test_damages import masks
from tests.samples.damages import DAMAGES, Damage

REAL = tuple(damage for damage in DAMAGES if damage.shell)
PAIRS = int(os.environ.get("ORCHESTRATOR_DAMAGE_PAIRS", "6"))
"""Pairs take seconds each: a hundred of them are run in memory (tests/recovery)."""
PLAY = """\
- hosts: compute
  flavors: [{{name: tiny, vcpus: 1, ram: 64, disk: 1, swap: 16}}]
  images: [{{name: halt, source: "{image}", properties: {{os_shutdown_timeout: 1}}}}]
  networks:
    - {{name: flat, provider: {{type: flat, physical_network: phys1}}, subnets: [{{cidr: 10.66.0.0/24, pool: 10.66.0.10-10.66.0.99, dhcp: true}}]}}
    - {{name: tenant, provider: {{type: vxlan, segmentation_id: 77}}, subnets: [{{cidr: 10.67.0.0/24}}]}}
  security_groups:
    - {{name: web, rules: [{{direction: egress}}, {{direction: ingress, protocol: tcp, port: 80}}, {{direction: ingress, remote_group: web}}]}}
  instances:
    - {{name: vm, hosts: {here}, flavor: tiny, image: halt, networks: &ports [{{network: flat}}, {{network: tenant}}], security_groups: [web], config_drive: true}}
    - {{name: beside, hosts: {here}, flavor: tiny, image: halt, networks: *ports, security_groups: [web]}}
    - {{name: far, hosts: {there}, flavor: tiny, image: halt, networks: *ports, security_groups: [web]}}
"""


class Ward:
    """A host with two guests, a third one on another host, and what a shell has to know to damage the first."""

    def __init__(self, lab: Lab, folder: Path, image: Path) -> None:
        self.lab, self.operator = lab, Operator(lab, folder)
        self.host, there, *_ = lab.hosts
        self.operator("apply", self.operator.playbook("site.yaml", PLAY.format(image=image, here=self.host, there=there)))
        vm = self.operator.instances()["vm"]
        xml = lab.on(self.host, "virsh", "dumpxml", str(vm["uuid"]))
        domain = re.search(r"<name>(.*?)</name>", xml)
        plug = re.search(r"<source bridge='(br-phys1)'/>\s*<target dev='(tap[^']*)'/>", xml)
        assert domain
        assert plug
        directory = f"/var/lib/nova/instances/{vm['uuid']}"
        base = lab.script(self.host, f"head -c 1024 {directory}/disk | grep -ao '/var/lib[^[:cntrl:]]*_base/[0-9a-f]*' | head -n 1").strip()
        owner = re.search(r"(orc[0-9a-f]{6})-FORWARD", lab.on(self.host, "iptables-save"))
        assert owner
        self.variables = {
            "uuid": vm["uuid"],
            "domain": domain[1],
            "dir": directory,
            "base": base,
            "tap": plug[2],
            "bridge": plug[1],
            "tunnel": "vxlan-77",
            "port": plug[2].removeprefix("tap"),
            "owner": owner[1],
        }

    def shell(self, text: str) -> None:
        """Run as root on the host, without a login: that takes longer than the damage."""
        names = " ".join(f"{name}={value}" for name, value in self.variables.items())
        inside = ("nsenter", "--target", str(self.lab.hosts[self.host]["pid"]), "--mount", "--net", "--pid", "--uts", "--ipc", "--")
        script = f"set -e; export LC_ALL=C; {names}; {text}"
        done = subprocess.run(
            [*inside, "sh", "-c", script], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=60
        )
        assert done.returncode == 0, f"{text}: {done.stdout}{done.stderr}"

    def causes(self, code: int | None = 2) -> dict[str, str]:
        """The classes of what is found, by cause."""
        found = json.loads(self.operator("hard-reboot", "vm", "beside", "--diagnose", "-o", "json", code=code).stdout)
        return {each["cause"]: each["repair"] for each in found["findings"]}

    def verified(self, code: int | None = 2) -> dict[str, set[str]]:
        """What `verify` finds on all hosts: names of things, by cause."""
        named: dict[str, set[str]] = {}
        for each in json.loads(self.operator("verify", "-o", "json", code=code).stdout)["findings"]:
            named.setdefault(each["cause"], set()).add(each["name"])
        return named

    def repair(self, code: int) -> None:
        self.operator("hard-reboot", "vm", "beside", "--repair", "--yes", code=code)

    def pids(self) -> list[str]:
        """Processes of all its guests."""
        return sorted(path.read_text() for path in (self.lab.files(self.host) / "run/libvirt/qemu").glob("instance-*.pid"))


@pytest.fixture(scope="module")
def ward(lab: Lab, tmp_path_factory: pytest.TempPathFactory, halting_image: Path) -> Iterator[Ward]:
    made = Ward(lab, tmp_path_factory.mktemp("ward"), halting_image)
    yield made
    made.operator("destroy", "--yes", "vm", "beside", "far")


def test_nothing_is_wrong_with_what_was_just_made(ward: Ward) -> None:
    assert ward.causes(code=0) == {}


@pytest.mark.parametrize("damage", REAL, ids=lambda damage: damage.name)
def test_one_alone(ward: Ward, damage: Damage) -> None:
    before = ward.pids()
    ward.shell(damage.shell)
    try:
        assert ward.causes().get(damage.cause) == damage.repair.value
        assert ward.verified().get(damage.cause)
        ward.repair(3 if damage.repair is Repair.CANNOT else 0)
    finally:
        if damage.restore:
            ward.shell(damage.restore)
    if damage.repair in (Repair.LIVE, Repair.CANNOT):
        assert ward.pids() == before
    assert len(ward.pids()) == 2


def pairs() -> Sequence[tuple[Damage, Damage]]:
    """What mends itself, two at a time, of which neither takes away what the other breaks."""
    chance = random.Random(11)
    able = [damage for damage in REAL if damage.repair is not Repair.CANNOT]
    found: list[tuple[Damage, Damage]] = []
    while len(found) < PAIRS:
        first, second = chance.sample(able, 2)
        if not (masks(first, second) or masks(second, first)):
            found.append((first, second))
    return found


@pytest.mark.parametrize("pair", pairs(), ids=lambda pair: "-".join(damage.name for damage in pair))
def test_two_at_once(ward: Ward, pair: tuple[Damage, Damage]) -> None:
    for damage in pair:
        ward.shell(f"{damage.shell} || :")
    assert {damage.cause for damage in pair} <= ward.causes().keys()
    ward.operator("verify", "--repair", "--yes")
    assert ward.verified(0) == {} == ward.causes(code=0)
