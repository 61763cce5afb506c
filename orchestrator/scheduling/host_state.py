"""A host as the scheduler sees it: what it has, and what is claimed of it (nova/scheduler/host_manager.py HostState)."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from orchestrator.model.desired import Flavor, InstanceRequest, Network
from orchestrator.model.host import Capacity, Host
from orchestrator.model.volume import Volume


@dataclass(frozen=True, slots=True)
class HostState:
    """Claimed: vcpus, ram MiB, disk GiB of all instances recorded there."""

    host: Host
    capacity: Capacity
    vcpus: int = 0
    ram: int = 0
    disk: int = 0
    instances: int = 0

    def claim(self, flavor: Flavor) -> HostState:
        """The host with one more instance of the flavor."""
        return dataclasses.replace(
            self,
            vcpus=self.vcpus + flavor.vcpus,
            ram=self.ram + flavor.ram,
            disk=self.disk + disk_gb(flavor),
            instances=self.instances + 1,
        )


@dataclass(frozen=True, slots=True)
class Request:
    """What a host is asked for."""

    instance: InstanceRequest
    flavor: Flavor
    networks: Mapping[str, Network]
    volumes: tuple[Volume, ...] = ()


def disk_gb(flavor: Flavor) -> int:
    """GiB claimed: root, ephemeral and swap (MiB, rounded up), as Placement counts DISK_GB."""
    return flavor.disk + flavor.ephemeral + -(-flavor.swap // 1024)


def of(host: Host, capacity: Capacity, flavors: Iterable[Flavor]) -> HostState:
    """The host with the flavors of its instances claimed."""
    state = HostState(host, capacity)
    for flavor in flavors:
        state = state.claim(flavor)
    return state
