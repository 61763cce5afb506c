"""A host as the scheduler sees it: what it has, and what is claimed of it (nova/scheduler/host_manager.py HostState)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct, field, structs

from orchestrator.model.desired import NO_IMAGE, Flavor, Image, InstanceRequest, Network, ServerGroup
from orchestrator.model.host import Capacity, Host
from orchestrator.model.instance import Instance, Record
from orchestrator.model.volume import Volume

IO_TASKS = frozenset(
    {
        *("resize_migrating", "rebuilding", "resize_prep", "image_snapshot", "image_backup", "image_uploading"),
        *("rebuild_block_device_mapping", "rebuild_spawning", "shelving", "unshelving", "rescuing"),
    }
)
"""Tasks that load a host's disks (nova/compute/stats.py `io_workload`); an instance that is being built counts as well."""


class HostState(Struct, frozen=True):
    """Claimed: vcpus, ram MiB, disk GiB of all instances recorded there, whether they run or not. `residents` are these instances.

    `io_ops`: how many of them load its disks now; `failed_builds`: builds that failed there since the last that did not.
    `problem`: why it cannot be asked, "" when it answered.
    """

    host: Host
    capacity: Capacity
    vcpus: int = 0
    ram: int = 0
    disk: int = 0
    residents: tuple[Instance, ...] = ()
    io_ops: int = 0
    failed_builds: int = 0
    problem: str = ""

    @property
    def free_ram(self) -> int:
        """MiB that are left of what is there, as Nova's free_ram_mb: without the ratio; below 0 when more is claimed than there is."""
        return self.capacity.memory_mb - self.host.reserved_memory_mb - self.ram

    @property
    def free_vcpus(self) -> float:
        """Of what the ratio allows."""
        return self.capacity.vcpus * self.host.cpu_allocation_ratio - self.vcpus

    @property
    def free_disk(self) -> int:
        """GiB that are left of what is there, without the ratio."""
        return self.capacity.disk_gb - self.disk

    def claim(self, instance: Instance, busy: bool = True) -> HostState:
        """The host with one more instance; `busy`: it loads the disks, as one that is about to be built does."""
        flavor = instance.flavor
        return structs.replace(
            self,
            vcpus=self.vcpus + flavor.vcpus,
            ram=self.ram + flavor.ram,
            disk=self.disk + disk_gb(flavor),
            residents=(*self.residents, instance),
            io_ops=self.io_ops + busy,
        )


class Request(Struct, frozen=True):
    """What a host is asked for (nova RequestSpec).

    `homes`: where the instances are that its hints name; `group_hosts`: hosts of the other members of its server group if they are to
    share one (affinity; the other policies ask each host for its own members); `tried`: hosts that failed to build it.
    """

    instance: InstanceRequest
    flavor: Flavor
    networks: Mapping[str, Network] = field(default_factory=dict)
    volumes: tuple[Volume, ...] = ()
    image: Image = NO_IMAGE
    group: ServerGroup | None = None
    group_hosts: frozenset[str] = frozenset()
    homes: Mapping[str, str] = field(default_factory=dict)
    tried: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[object, ...]:
        """Requests of the same shape get the same verdicts and weights."""
        wish = self.instance
        own = (wish.hosts, wish.availability_zone, wish.project, wish.image, wish.flavor, wish.server_group, wish.ephemerals)
        hints, networks = tuple(sorted(wish.scheduler_hints.items())), tuple(self.networks)
        volumes = tuple((each.id, each.backend, each.host) for each in self.volumes)
        return (*own, hints, networks, volumes, self.image.digest, self.group_hosts, tuple(self.homes.items()), self.tried)


def disk_gb(flavor: Flavor) -> int:
    """GiB claimed: root, ephemeral and swap (MiB, rounded up), as Placement counts DISK_GB."""
    return flavor.disk + flavor.ephemeral + -(-flavor.swap // 1024)


def of(host: Host, capacity: Capacity, there: Iterable[Record], failed_builds: int = 0, problem: str = "") -> HostState:
    """The host with its recorded instances claimed."""
    records = tuple(there)
    flavors = [record.instance.flavor for record in records]
    return HostState(
        host,
        capacity,
        sum(flavor.vcpus for flavor in flavors),
        sum(flavor.ram for flavor in flavors),
        sum(disk_gb(flavor) for flavor in flavors),
        tuple(record.instance for record in records),
        sum(record.vm_state == "building" or record.task_state in IO_TASKS for record in records),
        failed_builds,
        problem,
    )
