"""Desired state: what playbooks say, validated, defaults filled in. Units as in Nova: ram MiB, disk GiB, ephemeral GiB, swap MiB."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Flavor:
    """The size of an instance."""

    name: str
    vcpus: int
    ram: int
    disk: int
    ephemeral: int = 0
    swap: int = 0


@dataclass(frozen=True, slots=True)
class Image:
    """A disk image. `digest` (sha256, hex) pins its content: from the playbook's checksum, else worked out from the file."""

    name: str
    source: str  # absolute path on the controller
    digest: str
    disk_format: str = "qcow2"  # qcow2 | raw
    size: int = 0  # bytes of the source
    virtual_size: int = 0  # bytes of the disk inside
    min_disk: int = 0
    min_ram: int = 0
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Subnet:
    """An address range of a network; `pool` is (first, last)."""

    cidr: str
    gateway: str | None = None
    dns: tuple[str, ...] = ()
    pool: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Network:
    """A provider network."""

    name: str
    physical_network: str
    type: str = "flat"
    subnets: tuple[Subnet, ...] = ()


@dataclass(frozen=True, slots=True)
class Keypair:
    """A public SSH key."""

    name: str
    public_key: str


@dataclass(frozen=True, slots=True)
class NetworkRequest:
    """One port that an instance asks for."""

    network: str
    fixed_ip: str | None = None
    mac: str | None = None


@dataclass(frozen=True, slots=True)
class InstanceRequest:
    """One instance as wished for. `where` is its place in the playbook, for errors found later."""

    name: str
    flavor: str
    image: str
    hosts: tuple[str, ...]  # hosts where it may be placed, by name
    networks: tuple[NetworkRequest, ...] = ()
    keypair: str | None = None
    availability_zone: str | None = None
    user_data: str | None = None
    config_drive: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    state: str = "active"  # active | stopped | absent
    where: str = ""


@dataclass(frozen=True, slots=True)
class Desired:
    """Everything the given playbooks wish for, by name."""

    flavors: Mapping[str, Flavor] = field(default_factory=dict)
    images: Mapping[str, Image] = field(default_factory=dict)
    networks: Mapping[str, Network] = field(default_factory=dict)
    keypairs: Mapping[str, Keypair] = field(default_factory=dict)
    instances: Mapping[str, InstanceRequest] = field(default_factory=dict)
