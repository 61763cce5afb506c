"""What a host remembers: plain data, picklable, so that it outlives the controller's process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from msgspec import Struct, field

from orchestrator.commands.command import Batch, Record


class Result(Struct, frozen=True):
    """How a process ended."""

    code: int = 0
    out: bytes = b""
    err: bytes = b""


class UnknownError(Exception):
    """A command that the fake does not know: nobody may take its silence for an answer."""


def failed(text: str, code: int = 1) -> Result:
    """A program that complains on stderr."""
    return Result(code, b"", f"{text}\n".encode())


class File(Struct):
    """A regular file; `size` in bytes, what `content` does not reach is a hole."""

    content: bytes = b""
    size: int = 0
    mode: int = 0o644
    link: bool = False  # a symbolic link, to whatever

    def __post_init__(self) -> None:
        self.size = max(self.size, len(self.content))

    def head(self, size: int) -> bytes:
        """The first `size` bytes, or all of them."""
        return self.content[:size].ljust(min(size, self.size), b"\0")

    def chunks(self) -> Iterator[bytes]:
        """The whole content, holes as zeros."""
        yield self.content
        hole = self.size - len(self.content)
        while hole > 0:
            yield bytes(min(hole, 1 << 20))
            hole -= 1 << 20


class Directory(Struct):
    """A directory; what lies in it is known by its path."""

    mode: int = 0o755


class Link(Struct):
    """A network device; `kind` as iproute2 has it, "" for a physical one."""

    kind: str = ""
    up: bool = False
    master: str | None = None
    alias: str | None = None
    addresses: tuple[str, ...] = ()
    mtu: int = 1500
    info: dict[str, object] = field(default_factory=dict)  # iproute2's info_data
    lower: str | None = None  # what a VLAN is on; the other end of a veth pair
    flood: list[str] = field(default_factory=list)  # a VXLAN's entries for what is for everybody


class Switch(Struct):
    """An Open vSwitch bridge: external_ids, and its ports with their tags and external_ids."""

    datapath: str
    ids: dict[str, str] = field(default_factory=dict)
    ports: dict[str, tuple[int | None, dict[str, str]]] = field(default_factory=dict)


class Namespace(Struct):
    """A network namespace of ours: its addresses, its dnsmasq's arguments, and its way out."""

    addresses: list[str] = field(default_factory=list)
    mtu: int = 1500
    servers: list[tuple[str, ...]] = field(default_factory=list)
    far: str = ""
    via: str = ""
    inside: tuple[str, ...] = ()


class Domain(Struct):
    """A libvirt domain. `taps` and `locks` (disk files open for writing) are its process's."""

    name: str
    uuid: str
    xml: str
    state: str = "shut off"
    persistent: bool = True
    reason: str = "unknown"  # why it is in its state, in virsh's words
    number: int = 0  # libvirt's id while it runs
    taps: tuple[str, ...] = ()
    locks: tuple[str, ...] = ()
    volumes: dict[str, tuple[str, int]] = field(default_factory=dict)  # of its process: by id, the disk and its size
    pid: int = 0  # its process; a stopped one (SIGSTOP) answers nobody
    stopped: bool = False
    live: str = ""  # the XML that it was started with
    autostart: bool = False

    @property
    def active(self) -> bool:
        return self.state != "shut off"

    def end(self, reason: str = "unknown") -> None:
        """Its process is gone."""
        self.reason = reason
        self.state, self.number, self.taps, self.locks, self.volumes = "shut off", 0, (), (), {}
        self.pid, self.stopped = 0, False


class Stray(Struct):
    """A QEMU process that libvirt has forgotten."""

    uuid: str
    taps: tuple[str, ...]
    locks: tuple[str, ...]


class Target(Struct):
    """A target of tgt with its LUN 1."""

    path: str | None = None
    size: int = 0
    account: str = ""
    connected: bool = False


class Entry(NamedTuple):
    """A line of the host's journal of changing actions, written before each."""

    epoch: int
    job: str
    lane: str
    step: str
    argv: tuple[str, ...]


class Job(Struct):
    """A job as the host keeps it: where it is, what it said, whether its process still lives."""

    batch: Batch
    staged: dict[str, bytes] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    lane: int = 0  # place in the order of lanes
    action: int = 0
    ended_well: set[str] = field(default_factory=set)
    alive: bool = True
    done: bool = False


PLACES = ("/", "/etc", "/home", "/root", "/run", "/tmp", "/usr", "/var", "/var/lib", "/var/log")


class State(Struct):
    """One host. What lies below the line does not outlive a boot."""

    name: str
    machine_id: str
    vcpus: int = 8
    memory_mb: int = 16384
    disk_gb: int = 200
    free_disk_gb: int = 180
    arch: str = "x86_64"
    qemu: str = "7.2.22"
    cpu_model: str = "Skylake-Server"
    cpu_vendor: str = "Intel"
    cpu_features: tuple[str, ...] = ("aes", "avx2")
    cells: int = 1  # NUMA nodes that share processors and memory evenly
    kvm: bool = False
    files: dict[str, File | Directory] = field(default_factory=lambda: {place: Directory() for place in PLACES})
    domains: dict[str, Domain] = field(default_factory=dict)
    journal: list[Entry] = field(default_factory=list)
    starts: dict[str, int] = field(default_factory=dict)  # QEMU processes ever started, by domain
    unknown: list[tuple[str, ...]] = field(default_factory=list)
    deaf: set[str] = field(default_factory=set)  # domains whose guest ignores a shutdown request
    trips: int = 0
    web: dict[str, bytes] = field(default_factory=dict)  # what is there to be fetched, by its address
    switches: dict[str, Switch] | None = field(default_factory=dict)  # None: no Open vSwitch
    missing: set[str] = field(default_factory=set)  # programs that are not installed
    newest: dict[str, tuple[int, str]] = field(default_factory=dict)  # jobs, by the lineage of their store
    images: dict[str, int] = field(default_factory=dict)  # of the Ceph cluster, by pool/name: bytes
    # until the next boot:
    secrets: dict[str, str] = field(default_factory=dict)  # of libvirt, by uuid
    targets: dict[str, Target] = field(default_factory=dict)  # of tgt, by name
    boots: int = 1
    namespaces: dict[str, Namespace] = field(default_factory=dict)
    outlets: dict[str, tuple[str, ...]] = field(default_factory=dict)  # the host's rules for a cable out of a namespace
    forwards: bool = False  # net.ipv4.ip_forward
    filters: dict[str, dict[str, dict[str, list[str]]]] = field(default_factory=dict)  # tool -> table -> chain -> rules
    sets: dict[str, tuple[str, list[str]]] = field(default_factory=dict)  # ipset: family, members
    services: str = "running"  # systemd's word for them
    bridge_nf: tuple[str, ...] = ("1", "1")  # net.bridge.bridge-nf-call-iptables, -ip6tables
    cut: list[str] = field(default_factory=list)  # flows whose conntrack entries were deleted
    links: dict[str, Link] = field(default_factory=lambda: {"lo": Link("", True), "eth0": Link("", True)})
    epochs: dict[str, int] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    numbers: int = 0  # libvirt ids given so far
    strays: dict[int, Stray] = field(default_factory=dict)  # by pid

    @property
    def boot_id(self) -> str:
        """Another one with every boot."""
        return f"{self.boots:08d}-0000-4000-8000-{self.machine_id[:12]}"

    def file(self, path: str) -> File | None:
        """The regular file at `path`."""
        found = self.files.get(path)
        return found if isinstance(found, File) else None

    def reboot(self) -> None:
        """Power off and on: processes, links and /run are gone, files and definitions stay."""
        self.domains = {name: domain for name, domain in self.domains.items() if domain.persistent}
        for domain in self.domains.values():
            domain.end()
        self.links = {"lo": Link("", True)} | {name: Link("", True) for name, link in self.links.items() if not link.kind and name != "lo"}
        self.links |= {name: Link("tun") for name in self.switches or {}}
        self.namespaces, self.outlets, self.forwards = {}, {}, False
        self.filters, self.sets = {}, {}
        self.epochs, self.jobs, self.numbers = {}, {}, 0
        self.secrets, self.targets, self.strays = {}, {}, {}
        self.boots += 1
