"""A host in memory with everything that may be damaged on it, and a second one that takes part in its networks."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from orchestrator.model import desired
from orchestrator.model.desired import NetworkRequest, Rule, SecurityGroup
from orchestrator.services import apply, diagnose, repair
from orchestrator.services.diagnose import Diagnosis
from orchestrator.services.repair import Repaired
from tests.scenarios.conftest import build

GROUP = SecurityGroup(
    "web", (Rule("egress"), Rule("ingress", protocol="tcp", port_min=80, port_max=80), Rule("ingress", remote_group="web"))
)
PRIVATE = desired.Network("private", "phys0", subnets=(desired.Subnet("10.0.0.0/24", dhcp=True),))
TENANT = desired.Network("tenant", "", "vxlan", (desired.Subnet("10.9.0.0/24"),), 77)


class Ward:
    """Three guests: `vm` has everything, `beside` is on its host, `far` on the other one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.site = build(folder, "n1", "n2")
        hosts = {}
        for number, (name, host) in enumerate(self.site.app.inventory.hosts.items(), 1):
            self.site.fleet.hosts[name].links["eth0"].addresses = (f"192.0.2.{number}",)
            hosts[name] = replace(host, address=f"192.0.2.{number}", groups=("storage",) if name == "n1" else ())
        self.site.app = replace(self.site.app, inventory=replace(self.site.app.inventory, hosts=hosts))

    def make(self) -> Ward:
        """The guests made."""
        assert apply.apply(self.site.app, self.desired()).exit_code == 0
        return self

    def copy(self, folder: Path) -> Ward:
        """The same, to be damaged."""
        self.site.store.close()
        shutil.copy(self.folder / "state.db", folder)
        made = Ward(folder)
        made.site.fleet.hosts = copy.deepcopy(self.site.fleet.hosts)
        return made

    def desired(self) -> desired.Desired:
        plain = self.site.desired("vm", "beside", "far")
        homes = {"vm": "n1", "beside": "n1", "far": "n2"}
        ports = (NetworkRequest("private"), NetworkRequest("tenant"))
        wishes = {
            name: replace(wish, hosts=(homes[name],), networks=ports, security_groups=("web",), config_drive=True)
            for name, wish in plain.instances.items()
        }
        wishes["vm"] = replace(wishes["vm"], volumes=("data",))
        return replace(
            plain,
            flavors={"small": desired.Flavor("small", 1, 64, 1, swap=16)},
            networks={"private": PRIVATE, "tenant": TENANT},
            security_groups={"web": GROUP},
            volumes={"data": desired.Volume("data", 1, "iscsi", where="site.yaml:9:1")},
            instances=wishes,
        )

    def diagnose(self, *names: str) -> Diagnosis:
        return diagnose.diagnose(self.site.app, names or ("vm", "beside"))

    def repair(self, *names: str, agreed: bool = True) -> Repaired:
        return repair.repair(self.site.app, names or ("vm", "beside"), lambda findings: agreed)

    def causes(self, *names: str) -> list[str]:
        return [finding.cause for finding in self.diagnose(*names).findings]

    def pids(self) -> dict[str, int]:
        return {domain.uuid: domain.pid for domain in self.site.fleet.hosts["n1"].domains.values()}


@pytest.fixture(scope="session")
def well(tmp_path_factory: pytest.TempPathFactory) -> Ward:
    return Ward(tmp_path_factory.mktemp("ward")).make()


@pytest.fixture
def ward(tmp_path: Path, well: Ward) -> Iterator[Ward]:
    made = well.copy(tmp_path)
    yield made
    made.site.store.close()
    assert all(not host.unknown for host in made.site.fleet.hosts.values())
