"""Desired state: what playbooks say, validated, defaults filled in. Units as in Nova: ram MiB, disk GiB, ephemeral GiB, swap MiB."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from msgspec import Struct, field


class Flavor(Struct, frozen=True):
    """The size of an instance."""

    name: str
    vcpus: int
    ram: int
    disk: int
    ephemeral: int = 0
    swap: int = 0
    extra_specs: Mapping[str, str] = field(default_factory=dict)  # hw:cpu_*, hw:mem_page_size, quota:*


class Image(Struct, frozen=True):
    """A disk image. `digest` (hex) pins its content: from the playbook's checksum, else worked out from the file (sha256)."""

    name: str
    source: str  # absolute path on the controller, or http(s)://, which each compute host fetches itself
    digest: str
    disk_format: str = "qcow2"  # qcow2 | raw | iso
    size: int = 0  # bytes of the source; 0: not known before it is fetched
    virtual_size: int = 0  # bytes of the disk inside; 0: not known before it is fetched
    min_disk: int = 0
    min_ram: int = 0
    properties: Mapping[str, str] = field(default_factory=dict)
    algorithm: str = "sha256"  # of the digest: sha256 | sha512

    @property
    def remote(self) -> bool:
        """Whether hosts fetch it themselves."""
        return self.source.startswith(("http://", "https://"))


NO_IMAGE = Image("", "", "")
"""What an instance that boots from a volume is made of."""


class Subnet(Struct, frozen=True):
    """An address range of a network; `pool` is (first, last), `host_routes` are (destination, next hop).

    `dhcp`: each host serves its own ports. `nat`: each host is the gateway of its own ports, and takes them out under its own address.
    """

    cidr: str
    gateway: str | None = None
    dns: tuple[str, ...] = ()
    pool: tuple[str, str] | None = None
    dhcp: bool = False
    nat: bool = False
    host_routes: tuple[tuple[str, str], ...] = ()

    @property
    def dhcp_server(self) -> str:
        """Who answers DHCP here, the same address on every host: with `nat` the gateway, else the highest usable address but the gateway.

        No port has it while `dhcp` is on. "" when the subnet has no such address: playbooks with one are refused.
        """
        if self.nat and self.gateway:
            return self.gateway
        network = ipaddress.ip_network(self.cidr)
        reserved = network.version == 4 and network.prefixlen < 31  # its broadcast address (RFC 3021: a /31 has none)
        highest = int(network.broadcast_address) - reserved
        usable = range(highest, int(network.network_address) - (network.num_addresses <= 2), -1)
        make = type(network.network_address)
        return next((str(make(n)) for n in usable if str(make(n)) != self.gateway), "")


class Network(Struct, frozen=True):
    """A network. `segmentation_id` is the VLAN's id or the VXLAN's VNI; a vxlan network has no physical one ("")."""

    name: str
    physical_network: str
    type: str = "flat"  # flat | vlan | vxlan
    subnets: tuple[Subnet, ...] = ()
    segmentation_id: int | None = None
    driver: str = "linuxbridge"  # linuxbridge | openvswitch
    mtu: int | None = None  # None: 1500, 50 less on vxlan
    port_security: bool = True

    @property
    def link_mtu(self) -> int:
        """Bytes that a frame on it may carry: its MTU; VXLAN over IPv4 takes 50 of the 1500 below it."""
        return self.mtu or (1450 if self.type == "vxlan" else 1500)


class Rule(Struct, frozen=True):
    """What a security group lets through (neutron security group rule). For ICMP, the ports are type and code (Neutron's way)."""

    direction: str  # ingress | egress
    ethertype: str = "IPv4"  # IPv4 | IPv6
    protocol: str | None = None  # tcp | udp | icmp | icmpv6 | sctp | a number; None: any
    port_min: int | None = None
    port_max: int | None = None
    remote_cidr: str | None = None
    remote_group: str | None = None


class SecurityGroup(Struct, frozen=True):
    """Rules by which ports are judged; what none lets through is dropped."""

    name: str
    rules: tuple[Rule, ...] = ()


DEFAULT_GROUP = "default"
"""The group of ports that name none (Neutron): everything out, in what comes from its own members. A playbook may declare its own."""


def default_group() -> SecurityGroup:
    """The default group, when no playbook declares it."""
    rules = tuple(rule for kind in ("IPv4", "IPv6") for rule in (Rule("egress", kind), Rule("ingress", kind, remote_group=DEFAULT_GROUP)))
    return SecurityGroup(DEFAULT_GROUP, rules)


class Volume(Struct, frozen=True):
    """A disk with a life of its own. `size` in GiB."""

    name: str
    size: int
    backend: str = "local"  # local | iscsi | rbd
    image: str | None = None  # what it is filled from
    read_only: bool = False
    where: str = ""  # its place in the playbook
    path: str = ""  # the file that it is, of a guest that others made; "": one that is made for it


class Keypair(Struct, frozen=True):
    """A public SSH key."""

    name: str
    public_key: str


class NetworkRequest(Struct, frozen=True):
    """One port that an instance asks for."""

    network: str
    fixed_ip: str | None = None
    mac: str | None = None
    port_security: bool | None = None  # None: as the network says
    security_groups: tuple[str, ...] | None = None  # None: the instance's


DEFAULT_PROJECT = "default"
"""Whose instances are that name no project."""


class ServerGroup(Struct, frozen=True):
    """Instances that are to be near each other, or apart (nova `InstanceGroup`).

    `max_server_per_host`: how many of them one host takes with the policy anti-affinity (nova rule of that name).
    """

    name: str
    policy: str  # affinity | anti-affinity | soft-affinity | soft-anti-affinity
    max_server_per_host: int = 1


class RestartPolicy(Struct, frozen=True):
    """What becomes of a guest that ends though it is to run. `condition`: on-crash | always | never. Times in seconds.

    It is restarted `max_attempts` times within `window` at most, the second time not before `back_off`, which doubles from then on.
    """

    condition: str = "on-crash"
    max_attempts: int = 5
    window: int = 8 * 3600
    back_off: int = 10


class Handler(Struct, frozen=True):
    """A command that hosts run once something changed there: after each batch of its play, on each host of an instance that notified it.

    `run_once`: on the first of these hosts only.
    """

    name: str
    command: tuple[str, ...]
    run_once: bool = False


class Play(Struct, frozen=True):
    """How the instances of a play are worked off (Ansible's words). `serial`: sizes of batches, numbers or percentages as written; none: one batch.

    `max_fail_percentage` None: only a batch that fails whole ends the run. `throttle`: hosts at once, 0 as many as there are forks.
    """

    name: str = ""
    serial: tuple[str, ...] = ()
    max_fail_percentage: float | None = None
    any_errors_fatal: bool = False
    throttle: int = 0
    order: str = "inventory"  # inventory | reverse_inventory | sorted | reverse_sorted | shuffle
    handlers: tuple[Handler, ...] = ()


class InstanceRequest(Struct, frozen=True):
    """One instance as wished for. `where` is its place in the playbook, for errors found later."""

    name: str
    flavor: str
    image: str  # "": it boots from a volume
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
    security_groups: tuple[str, ...] = (DEFAULT_GROUP,)
    volumes: tuple[str, ...] = ()  # attached in this order
    boot_volume: str | None = None  # one of `volumes`; None: it boots from its image
    datasource: str = "config-2"  # config-2 | nocloud: what the config drive is to cloud-init
    ephemerals: tuple[int, ...] = ()  # GiB each; none: one disk of the flavor's ephemeral size
    server_group: str | None = None
    scheduler_hints: Mapping[str, str] = field(
        default_factory=dict
    )  # same_host, different_host: names with commas; query: JSON; others as Nova's
    project: str = DEFAULT_PROJECT  # whose it is, for aggregates that are kept for some (filter_tenant_id)
    play: int = 0  # its place in Desired.plays
    notify: tuple[str, ...] = ()  # handlers of its play
    restart_policy: RestartPolicy = RestartPolicy()


class Desired(Struct, frozen=True):
    """Everything the given playbooks wish for, by name."""

    flavors: Mapping[str, Flavor] = field(default_factory=dict)
    images: Mapping[str, Image] = field(default_factory=dict)
    networks: Mapping[str, Network] = field(default_factory=dict)
    keypairs: Mapping[str, Keypair] = field(default_factory=dict)
    instances: Mapping[str, InstanceRequest] = field(default_factory=dict)
    security_groups: Mapping[str, SecurityGroup] = field(default_factory=dict)
    volumes: Mapping[str, Volume] = field(default_factory=dict)
    server_groups: Mapping[str, ServerGroup] = field(default_factory=dict)
    plays: tuple[Play, ...] = (Play(),)
