"""A compute host: how it is reached, what it offers, what it was seen to have."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from msgspec import Struct, field


class Aggregate(Struct, frozen=True):
    """Hosts with something in common (nova host aggregate): an inventory group with `aggregate_metadata`, or named by a host's `aggregates`."""

    name: str
    metadata: Mapping[str, str] = field(default_factory=dict)


class Host(Struct, frozen=True):
    """One inventory host, its variables resolved. Connection words are Ansible's, the others Nova's."""

    name: str
    address: str
    port: int = 22
    user: str | None = None
    private_key_file: str | None = None
    connection: str = "ssh"  # ssh | local
    become: bool = False
    ssh_options: Mapping[str, str] = field(default_factory=dict)  # -o options of ansible_ssh_common_args, by name
    groups: tuple[str, ...] = ()
    availability_zone: str = "nova"
    aggregates: tuple[Aggregate, ...] = ()  # by name
    disabled: str = ""  # why it takes no new instances (nova disabled_reason); "": it does
    metrics: Mapping[str, float] = field(default_factory=dict)  # as the inventory says, for MetricsFilter and MetricsWeigher
    pci_devices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # alias -> addresses that guests may have (nova device_spec)
    instances_path: str = "/var/lib/nova/instances"
    virt_type: str | None = None  # kvm | qemu; None: detected
    physical_networks: Mapping[str, str] = field(default_factory=dict)
    cpu_allocation_ratio: float = 4.0
    ram_allocation_ratio: float = 1.0
    disk_allocation_ratio: float = 1.0
    reserved_memory_mb: int = 512
    local_ip: str | None = None  # where VXLAN tunnels end (neutron's local_ip); None: `address`
    volume_backends: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # backend -> its options
    variables: Mapping[str, object] = field(default_factory=dict)  # all of them, for templates and `inventory list`

    @property
    def tunnel_end(self) -> str:
        """Where its VXLAN tunnels end; "" when neither local_ip nor address is an IP address."""
        found = self.local_ip or self.address
        try:
            return str(ipaddress.ip_address(found))
        except ValueError:
            return ""


class Inventory(Struct, frozen=True):
    """All hosts by name, and groups as `group -> host names` (children resolved; `all` and `ungrouped` included)."""

    hosts: Mapping[str, Host]
    groups: Mapping[str, tuple[str, ...]]
    children: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # group -> direct child groups
    sources: tuple[str, ...] = ()


class Cell(Struct, frozen=True):
    """A NUMA node of a host. Memory in MiB."""

    id: int
    cpus: tuple[int, ...]
    memory_mb: int


class Capacity(Struct, frozen=True):
    """What a host was observed to have. Memory in MiB, disk in GiB."""

    machine_id: str
    boot_id: str
    vcpus: int
    memory_mb: int
    disk_gb: int
    free_disk_gb: int
    virt_type: str  # kvm | qemu
    arch: str = ""  # "": not seen yet, as all that follows
    hypervisor_version: int = 0  # QEMU's, as libvirt counts: 7002022 is 7.2.22
    cpu_model: str = ""
    cpu_vendor: str = ""
    cpu_features: tuple[str, ...] = ()
    cells: tuple[Cell, ...] = ()
