"""An instance with everything about it fixed: ids, addresses, names and paths are decided before the first command."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from orchestrator.model import desired
from orchestrator.model.decision import Decision
from orchestrator.model.volume import Attachment


class Port(Struct, frozen=True):
    """A network interface of an instance and where it plugs in on its host.

    On Open vSwitch, `bridge` is the port's own Linux bridge, where its rules work, and `switch` what it leads to (nova `ovs_hybrid_plug`).
    """

    id: str
    network: str
    mac: str
    tap: str  # "": libvirt names it, at each start another
    bridge: str
    fixed_ips: tuple[str, ...] = ()
    interface: str | None = None  # host interface that belongs into the bridge, or into the switch
    security_groups: tuple[str, ...] = (desired.DEFAULT_GROUP,)
    port_security: bool = True
    switch: str | None = None  # Open vSwitch bridge
    status: str = ""  # attaching, detaching: what is still to be done to a running guest; "": nothing


class Base(Struct, frozen=True):
    """A file of the host's image cache that disks are overlays of; `kind` is image, ephemeral or swap. Size in bytes."""

    kind: str
    path: str
    size: int


class Disk(Struct, frozen=True):
    """A disk file of the instance: a qcow2 overlay on its base. Size in bytes."""

    name: str  # disk | disk.local | disk.eph0, disk.eph1 ... | disk.swap
    device: str  # vda, vdb, ...
    path: str
    size: int
    base: Base


class Device(Struct, frozen=True):
    """A PCI device of the host that the guest has. `alias` is what it was asked for by."""

    alias: str
    address: str  # 0000:81:00.0


class Instance(Struct, frozen=True):
    """What the steps of the state machine work from."""

    uuid: str
    name: str
    domain: str  # libvirt's name: instance-0000002a
    host: str
    directory: str  # <instances_path>/<uuid>
    virt_type: str  # kvm | qemu
    lineage: str  # the store that owns the instance
    flavor: desired.Flavor
    image: desired.Image
    disks: tuple[Disk, ...]
    ports: tuple[Port, ...] = ()
    networks: Mapping[str, desired.Network] = field(default_factory=dict)  # those of its ports
    public_key: str | None = None
    keypair: str | None = None
    availability_zone: str = "nova"
    user_data: str | None = None
    config_drive: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    datasource: str = "config-2"  # config-2 | nocloud
    volumes: tuple[Attachment, ...] = ()  # by device
    tunnel_end: str = ""  # of its host when it was placed: where others send while the inventory does not name that host
    launched: bool = False  # was ACTIVE once: its disks hold data, and are never made again
    server_group: str | None = None
    project: str = desired.DEFAULT_PROJECT
    devices: tuple[Device, ...] = ()
    cells: tuple[int, ...] = ()  # of the host: where each of the guest's NUMA nodes is; none: wherever
    cpusets: tuple[str, ...] = ()  # of each of these cells the processors, such as 0-7,16-23
    requested_zone: str | None = None  # that the playbook asked for; None: any
    scheduler_hints: Mapping[str, str] = field(default_factory=dict)  # as in its wish
    restart_policy: desired.RestartPolicy = desired.RestartPolicy()
    due: str = ""  # update, reboot: what changes that were taken over still ask of it; "": nothing
    definition: str = ""  # libvirt XML of a guest that others made, kept as it was found; "": it is rendered from all this
    autostart: bool = False  # libvirt starts it when its host boots: so others made it
    renews: tuple[str, ...] = ()  # files in its directory that a rebuild is still to make anew: their data was given up by consent


class Record(Struct, frozen=True):
    """An instance as the store knows it. Times are ISO 8601, UTC."""

    instance: Instance
    state: str  # of the machine (states/instance.py)
    vm_state: str
    task_state: str | None
    power_state: int  # Nova's numbers: 0 NOSTATE, 1 RUNNING, 3 PAUSED, 4 SHUTDOWN, 6 CRASHED, 7 SUSPENDED
    wanted: str  # active | stopped
    fault: str | None
    decision: Decision  # why this host
    created_at: str
    updated_at: str
