"""Each kind of damage done to a real host, alone and in pairs: a diagnosis names it, and so does verify; a repair mends it under guests that run on, or says
that it cannot; nothing whose data is gone is made again, and what is somebody else's stays as it is, byte for byte.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import random
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from orchestrator.planning.diagnosis import Repair
from tests.e2e import test_foreign as foreign
from tests.e2e.conftest import Lab, Operator
from tests.recovery.test_damages import masks
from tests.samples.damages import DAMAGES, Damage

PAIRS = int(os.environ.get("ORCHESTRATOR_DAMAGE_PAIRS", "12"))
SEED = int(os.environ.get("ORCHESTRATOR_DAMAGE_SEED", "11"))
FOUND = re.compile(r"^(?:was (?:found|wrong): )?\S+ \(\S+\): ([a-z-]+): ", re.MULTILINE)
"""A finding as a line: before a repair on stderr, after it on stdout."""
UNTOUCHED = (Repair.LIVE, Repair.CANNOT)
"""Classes whose repair leaves the guest's process as it is."""
PLAY = """\
- hosts: compute
  flavors: [{{name: tiny, vcpus: 1, ram: 64, disk: 1, swap: 16}}]
  images: [{{name: halt, source: "{image}", properties: {{hw_disk_bus: scsi, os_shutdown_timeout: 1}}}}]
  volumes: [{{name: data, size: 1, backend: iscsi}}]
  networks:
    - {{name: flat, provider: {{type: flat, physical_network: phys1}}, subnets: [{{cidr: 10.66.0.0/24, pool: 10.66.0.10-10.66.0.99, dhcp: true}}]}}
    - {{name: tenant, provider: {{type: vxlan, segmentation_id: 77}}, subnets: [{{cidr: 10.67.0.0/24}}]}}
  security_groups:
    - {{name: web, rules: [{{direction: egress}}, {{direction: ingress, protocol: tcp, port: 80}}, {{direction: ingress, remote_group: web}}]}}
  instances:
    - {{name: vm, hosts: {here}, flavor: tiny, image: halt, networks: &ports [{{network: flat}}, {{network: tenant}}], security_groups: [web], config_drive: true,
       volumes: [data]}}
    - {{name: beside, hosts: {here}, flavor: tiny, image: halt, networks: *ports, security_groups: [web]}}
    - {{name: far, hosts: {there}, flavor: tiny, image: halt, networks: *ports, security_groups: [web]}}
"""
"""SCSI disks go without being let go of: these guests answer nothing."""


class Ward:
    """A host with two guests and somebody else's, a third one of ours on another host, and what a shell has to know to damage the first, which has a volume."""

    def __init__(self, lab: Lab, folder: Path, image: Path) -> None:
        self.lab, self.operator = lab, Operator(lab, folder)
        self.host, self.there, *_ = lab.hosts
        for host in (self.host, self.there):
            self.inside(host, foreign.MAKE + "virsh -q start foreign")
        self.operator("apply", self.operator.playbook("site.yaml", PLAY.format(image=image, here=self.host, there=self.there)))
        vm, beside = (self.operator.instances()[name] for name in ("vm", "beside"))
        (volume,) = self.operator.json("get", "volumes")  # type: ignore[misc]  # one is listed
        xml, self.beside = (lab.on(self.host, "virsh", "dumpxml", str(each["uuid"])) for each in (vm, beside))
        domain = re.search(r"<name>(.*?)</name>", xml)
        plug = re.search(r"<source bridge='(br-phys1)'/>\s*<target dev='(tap[^']*)'/>", xml)
        assert domain
        assert plug
        directory = f"/var/lib/nova/instances/{vm['uuid']}"
        base = self.inside(
            self.host, f"head -c 1024 {directory}/disk | grep -ao '/var/lib[^[:cntrl:]]*_base/[0-9a-f]*' | head -n 1"
        ).strip()
        owner = re.search(r"(orc[0-9a-f]{6})-FORWARD", lab.on(self.host, "iptables-save"))
        assert owner
        self.variables = {
            "uuid": str(vm["uuid"]),
            "domain": domain[1],
            "dir": directory,
            "base": base,
            "tap": plug[2],
            "bridge": plug[1],
            "tunnel": "vxlan-77",
            "port": plug[2].removeprefix("tap"),
            "owner": owner[1],
            "volume": volume["id"],
            "file": f"{volume['options']['directory']}/volume-{volume['id']}",
        }
        self.shell('printf kept | dd of="$file" conv=notrunc status=none')
        self.theirs = {host: self.foreign(host) for host in (self.host, self.there)}

    def inside(self, host: str, text: str) -> str:
        """What a shell prints that is root on a host, without a login: that takes longer than the damage."""
        entered = ("nsenter", "--target", str(self.lab.hosts[host]["pid"]), "--mount", "--net", "--pid", "--uts", "--ipc", "--")
        done = subprocess.run(
            [*entered, "sh", "-c", f"export LC_ALL=C; {text}"],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=60,
        )
        assert done.returncode == 0, f"{text}: {done.stdout}{done.stderr}"
        return done.stdout

    def shell(self, *texts: str) -> None:
        """Done on the first host."""
        names = " ".join(f"{name}={value}" for name, value in self.variables.items())
        self.inside(self.host, f"{names}; " + "".join(f"( set -e; {text}; ) || exit 1\n" for text in texts))

    def foreign(self, host: str) -> str:
        """What is somebody else's on a host: rules, sets, devices, files, and a guest's definition and process."""
        return self.inside(host, f"{foreign.SHOW}\ncat /run/libvirt/qemu/foreign.pid")

    def look(self) -> tuple[dict[str, str], dict[str, set[str]]]:
        """What a diagnosis of two instances finds, classes by cause; what `verify` does, of all hosts, names of things by cause. Both find something."""
        looks = [self.operator.start(*verb, "-o", "json") for verb in (("hard-reboot", "vm", "beside", "--diagnose"), ("verify",))]
        told = [look.communicate(timeout=60) for look in looks]
        assert [look.returncode for look in looks] == [2, 2], told
        diagnosis, verdict = (json.loads(out)["findings"] for out, _ in told)
        named: dict[str, set[str]] = {}
        for each in verdict:
            named.setdefault(each["cause"], set()).add(each["name"])
        return {each["cause"]: each["repair"] for each in diagnosis}, named

    def mend(self, *verb: str) -> tuple[int, set[str], set[str]]:
        """By `verify`, or by `hard-reboot` with names: how it ends, and causes of what was found before and after."""
        done = self.operator(*verb, "--repair", "--yes", code=None)
        return done.returncode, set(FOUND.findall(done.stderr)), set(FOUND.findall(done.stdout))

    def run_again(self, *damages: Damage) -> None:
        """What somebody destroyed by hand is recorded as stopped by `verify --repair` (as Nova does), and is started; what runs is left alone."""
        if any(damage.name == "destroyed_by_hand" for damage in damages):
            self.operator("start", "vm")

    def well(self) -> None:
        """All is as recorded, and what is somebody else's is as it was, named and no drift."""
        found = json.loads(self.operator("verify", "-o", "json").stdout)
        assert found["findings"] == []
        assert {each["host"] for each in found["foreign"] if each["name"] == "foreign"} == {self.host, self.there}
        assert self.foreign(self.host) == self.theirs[self.host]

    def knows(self, name: str) -> bool:
        """Whether a finding's name is of what was damaged."""
        known = {"vm", "data", self.host, *(self.variables[each] for each in ("tap", "bridge", "tunnel"))}
        return name in known or self.variables["owner"] in name or "FORWARD" in name

    def pids(self, *, also: bool = True) -> dict[str, str]:
        """Processes of its guests by domain, or of the one alone that nothing is done to."""
        found = {path.stem: path.read_text() for path in (self.lab.files(self.host) / "run/libvirt/qemu").glob("instance-*.pid")}
        return found if also else {name: pid for name, pid in found.items() if name != self.variables["domain"]}

    def data(self) -> Mapping[str, object]:
        """The files that nobody can make again: which ones they are, how long, how they begin; None where there is none."""
        paths = {path: self.lab.files(self.host) / path.lstrip("/") for path in (f"{self.variables['dir']}/disk", self.variables["file"])}
        return {path: _digest(found) for path, found in paths.items()}


def _digest(path: Path) -> object:
    if not path.exists():
        return None
    with path.open("rb") as file:
        return path.stat().st_ino, path.stat().st_size, hashlib.sha256(file.read(1 << 20)).hexdigest()


@pytest.fixture(scope="module")
def ward(lab: Lab, tmp_path_factory: pytest.TempPathFactory, halting_image: Path) -> Iterator[Ward]:
    made = Ward(lab, tmp_path_factory.mktemp("ward"), halting_image)
    yield made
    made.operator("destroy", "--yes", "vm", "beside", "far")
    made.operator("volume", "delete", "--yes", "data")
    theirs = {host: made.foreign(host) for host in (made.host, made.there)}
    for host in theirs:
        made.inside(host, f"virsh -q destroy foreign; {foreign.UNMAKE}")
    assert theirs == made.theirs


def test_nothing_is_wrong_with_what_was_just_made(ward: Ward) -> None:
    ward.well()
    ward.operator("hard-reboot", "vm", "beside", "--diagnose")


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.name)
def test_one_alone(ward: Ward, damage: Damage) -> None:
    pids, beside = ward.pids(), ward.pids(also=False)
    ward.shell(damage.shell)
    lost = ward.data()
    try:
        causes, named = ward.look()
        assert causes.get(damage.cause) == damage.repair.value
        assert any(ward.knows(name) for name in named.get(damage.cause, ()))
        code, _, left = ward.mend("verify")
        assert ward.data() == lost
        if damage.repair is Repair.CANNOT:
            assert (code, damage.cause in left) == (3, True)
            code, found, left = ward.mend("hard-reboot", "vm", "beside")
            assert (code, damage.cause in found, damage.cause in left) == (3, True, True)
            assert ward.data() == lost
        else:
            assert (code, left) == (0, set())
            ward.run_again(damage)
            ward.shell(damage.shell)
            code, found, left = ward.mend("hard-reboot", "vm", "beside")
            assert (code, damage.cause in found, left) == (0, True, set())
    finally:
        ward.shell(damage.restore or ":")
    assert ward.foreign(ward.host) == ward.theirs[ward.host]
    assert ward.pids(also=False) == beside
    assert ward.pids().keys() == pids.keys()
    assert damage.repair not in UNTOUCHED or ward.pids() == pids


def pairs() -> Sequence[tuple[Damage, Damage, str]]:
    """Two different ones at a time, neither of which hides the other or takes away what it breaks, with the verb that mends them, turn about."""
    chance = random.Random(SEED)
    found: list[tuple[Damage, Damage, str]] = []
    for verb in itertools.cycle(("verify", "hard-reboot")):
        if len(found) == PAIRS:
            return found
        first, second = next(pair for pair in _drawn(chance) if not (masks(*pair) or masks(*reversed(pair))))
        found.append((first, second, verb))
    return found


def _drawn(chance: random.Random) -> Iterator[tuple[Damage, Damage]]:
    while True:
        first, second = chance.sample(DAMAGES, 2)
        yield (second, first) if first.name == "qemu_stopped" else (first, second)  # it would not hear what else is done to it


@pytest.mark.parametrize("pair", pairs(), ids=lambda pair: f"{pair[0].name}-{pair[1].name}-{pair[2]}")
def test_two_at_once(ward: Ward, pair: tuple[Damage, Damage, str]) -> None:
    """Of two that mend themselves nothing is left. Beside one that cannot be mended the other may stay, and goes once that is brought back."""
    damages, verb = pair[:2], ("verify",) if pair[2] == "verify" else ("hard-reboot", "vm", "beside")
    lasting = {damage.cause for damage in damages if damage.repair is Repair.CANNOT}
    pids, beside = ward.pids(), ward.pids(also=False)
    ward.shell(*(damage.shell for damage in damages))
    lost = ward.data()
    try:
        code, found, left = ward.mend(*verb)
        assert {damage.cause for damage in damages} <= found
        assert (code, left >= lasting) == (3, True) if lasting else (code, left) == (0, set())
        assert ward.data() == lost
    finally:
        if restores := [damage.restore for damage in damages if damage.restore]:
            ward.shell(*restores)
            ward.mend("verify")
        ward.run_again(*damages)
    ward.well()
    assert ward.pids(also=False) == beside
    assert ward.pids().keys() == pids.keys()
    assert ward.pids() == pids or not all(damage.repair in UNTOUCHED for damage in damages)
