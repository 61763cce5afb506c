"""Guests that nobody here made: what they are made of, in the words of ours, or why these cannot say it.

A guest that others made keeps its definition to the letter. What is counted of it (size, disks, ports) is read from there; what our model has no
word for, and what would be lost when its domain is defined anew, is refused: such a domain is left alone.
"""

from __future__ import annotations

import posixpath
import re
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.facts import definition, disk, link, size
from orchestrator.facts.gather import Facts, Key
from orchestrator.model import names
from orchestrator.model.desired import NO_IMAGE, Flavor, Network
from orchestrator.model.host import Host
from orchestrator.model.instance import Instance, Port
from orchestrator.model.volume import Attachment, Volume
from orchestrator.rendering import definition as definitions

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

GIB = 1 << 30
DOMAIN = re.compile(r"(?![0-9]+$)(?![0-9a-f]{8}-[0-9a-f]{4}-)[A-Za-z0-9][A-Za-z0-9._+-]*")
"""Names of domains that virsh takes for nothing else."""
UNITS = {
    "b": 1,
    "bytes": 1,
    "KB": 10**3,
    "k": 1 << 10,
    "KiB": 1 << 10,
    "MB": 10**6,
    "M": 1 << 20,
    "MiB": 1 << 20,
    "GB": 10**9,
    "G": GIB,
    "GiB": GIB,
}
STATES = {"running": "ACTIVE", "paused": "ACTIVE", "shut off": "STOPPED"}
"""What is recorded of a domain in this state of virsh's."""


class UnfitError(ValueError):
    """What of a domain cannot be said, or would be lost."""


class FileDisk(Struct, frozen=True):
    """A disk that is a file; `target` is what the guest's bus calls it."""

    path: str
    format: str
    target: str
    read_only: bool


class Interface(Struct, frozen=True):
    """A network interface on a Linux bridge."""

    mac: str
    bridge: str


class Shape(Struct, frozen=True):
    """What is counted of a domain. Memory in MiB; the disk that it boots from is the first."""

    uuid: str
    name: str
    state: str  # ACTIVE | STOPPED
    virt_type: str
    vcpus: int
    memory_mb: int
    disks: tuple[FileDisk, ...]
    interfaces: tuple[Interface, ...]
    xml: str
    autostart: bool = False

    @property
    def keys(self) -> tuple[Key, ...]:
        """The facts that tell whether its parts are there, and how large."""
        paths = [each.path for each in self.disks]
        bridges = dict.fromkeys(each.bridge for each in self.interfaces)
        return (*map(disk.Key, paths), *map(size.Key, paths), *map(link.Key, bridges))


class Surroundings(Struct, frozen=True):
    """Where a shape is bound: `networks` are those that are recorded, `taken` names of instances and of volumes."""

    host: Host
    lineage: str
    networks: Mapping[str, Network]
    instances: Collection[str]
    volumes: Mapping[str, Volume]
    next_volume: int


def shape(identity: str, found: definition.Definition) -> Shape:
    """What is counted of a domain. Raises UnfitError."""
    from xml.etree import ElementTree

    if "<!" in found.xml:  # libvirt writes no DTD, so none is read
        raise UnfitError("its definition has a DTD")
    try:
        root = ElementTree.fromstring(found.xml)  # noqa: S314  # without DTD there are no entities
        name = root.findtext("name", "")
        _refuse(root, name, found)
        return Shape(
            uuid=identity,
            name=name,
            state=STATES[found.state],
            virt_type=root.attrib["type"],
            vcpus=int(root.findtext("vcpu", "1")),
            memory_mb=_mebibytes(root),
            disks=tuple(_disks(root)),
            interfaces=tuple(_interface(each) for each in root.iterfind("devices/interface")),
            xml=definitions.bare(found.xml),
            autostart=found.autostart,
        )
    except (ElementTree.ParseError, KeyError, ValueError) as error:
        raise error if isinstance(error, UnfitError) else UnfitError(f"its definition is not understood: {error}") from None


def _refuse(root: Element, name: str, found: definition.Definition) -> None:
    """What would be lost, or could not be told from something else, when the domain is ended, undefined and defined again."""
    lost = {
        f"its name {name!r} could be read as something else by virsh": not DOMAIN.fullmatch(name),
        f"it is of type {root.get('type')}": root.get("type") not in ("kvm", "qemu"),
        f"it is {found.state}": found.state not in STATES,
        "its definition has a password, and no record holds one": any(each.get("passwd") for each in root.iterfind("devices/graphics")),
        "its memory is saved on the host (`virsh managedsave-remove`, or start it)": found.saved,
        f"it has snapshots ({', '.join(found.snapshots)})": bool(found.snapshots),
        "its TPM's state would go with its definition": root.find("devices/tpm/backend[@type='emulator']") is not None,
        "it has devices of the host": root.find("devices/hostdev") is not None,
        "its definition is not as libvirt writes it": not definitions.whole(found.xml),
    }
    if why := next((why for why, so in lost.items() if so), ""):
        raise UnfitError(why)


def _mebibytes(root: Element) -> int:
    memory = root.find("memory")
    amount = int(root.findtext("memory", "0")) * UNITS[memory.get("unit", "KiB") if memory is not None else "KiB"]
    return -(-amount >> 20)


def _disks(root: Element) -> Iterator[FileDisk]:
    """What guests write on; what they only read from, as CDs, is a matter of the definition."""
    found: list[tuple[int, FileDisk]] = []
    for each in root.iterfind("devices/disk"):
        if each.get("device", "disk") in ("cdrom", "floppy"):
            continue
        target, driver, source = _part(each, "target").attrib["dev"], each.find("driver"), each.find("source")
        kind, form = each.get("type"), driver.get("type", "") if driver is not None else ""
        odd = next((child.tag for child in each if child.tag in ("shareable", "transient", "encryption")), "")
        if kind != "file" or source is None or not source.get("file"):
            raise UnfitError(f"disk {target} is of type {kind}, and only files of the host can be told of")
        if form not in ("qcow2", "raw") or odd:
            raise UnfitError(f"disk {target} is {odd or form or 'of no format'}")
        path = source.attrib["file"]
        if not path.startswith("/") or path != posixpath.normpath(path):
            raise UnfitError(f"disk {target} is the file {path!r}: its path is not plain")
        boot = each.find("boot")
        order = int(boot.get("order", "0")) if boot is not None else 1 << 30
        found.append((order, FileDisk(path, form, target, each.find("readonly") is not None)))
    if not found:
        raise UnfitError("it has no disk that is a file: there is nothing that it could be told to boot from")
    yield from (each for _, each in sorted(found, key=lambda pair: pair[0]))


def _interface(each: Element) -> Interface:
    mac, source = _part(each, "mac").attrib["address"], each.find("source")
    bridge = source.get("bridge") if source is not None else None
    if each.get("type") != "bridge" or not bridge:
        where = f" {' '.join(source.attrib.values())}" if source is not None and source.attrib else ""
        raise UnfitError(f"interface {mac} is of type {each.get('type')}{where}, and only those on a bridge of the host can be told of")
    if each.find("virtualport") is not None:
        raise UnfitError(f"interface {mac} is a port of a virtual switch")
    return Interface(mac.lower(), bridge)


def _part(element: Element, name: str) -> Element:
    found = element.find(name)
    if found is None:
        raise UnfitError(f"{element.tag} without {name}")
    return found


def bind(found: Shape, to: Surroundings, facts: Facts) -> Instance:
    """The instance: ours from now on, its definition as it was found. Its volumes' ids begin with the next. Raises UnfitError."""
    name = instance_name(found.name)
    if name in to.instances:
        raise UnfitError(f"an instance is called {name!r} already (`virsh domrename` gives it another name)")
    directory = f"{to.host.instances_path}/{found.uuid}"
    if inside := next((each.path for each in found.disks if each.path.startswith(f"{directory}/")), ""):
        raise UnfitError(
            f"its disk {inside} is in the directory that goes with an instance, and a disk that others made stays: move it out"
        )
    networks = [_network(each, to, facts) for each in found.interfaces]
    ports = tuple(
        Port(str(uuid.uuid5(uuid.UUID(found.uuid), f"port/{number}")), network.name, each.mac, "", each.bridge, port_security=False)
        for number, (each, network) in enumerate(zip(found.interfaces, networks, strict=True))
    )
    return Instance(
        uuid=found.uuid,
        name=name,
        domain=found.name,
        host=to.host.name,
        directory=directory,
        virt_type=found.virt_type,
        lineage=to.lineage,
        flavor=Flavor(f"adopted-{found.vcpus}-{found.memory_mb}", found.vcpus, found.memory_mb, 1),
        image=NO_IMAGE,
        disks=(),
        ports=ports,
        networks={network.name: network for network in networks},
        availability_zone=to.host.availability_zone,
        volumes=tuple(_volumes(name, found.disks, to, facts)),
        tunnel_end=to.host.tunnel_end,
        launched=True,
        definition=found.xml,
        autostart=found.autostart,
    )


def instance_name(domain: str) -> str:
    """What an instance is called after its domain. Raises UnfitError when nothing is left of that."""
    found = re.sub(r"[^a-z0-9]+", "-", domain.lower()).strip("-")[:63].strip("-")
    if not names.NAME.fullmatch(found):
        raise UnfitError(f"no instance can be called {domain!r}")
    return found


def _network(interface: Interface, to: Surroundings, facts: Facts) -> Network:
    """The flat network that the bridge is: one that is known, or one that is called as the physical network."""
    there = facts[link.Key(interface.bridge)]
    if not isinstance(there, link.Link) or there.kind != "bridge":
        raise UnfitError(f"{interface.bridge}, where its interface {interface.mac} is, is no Linux bridge of the host")
    physical = next((name for name, device in to.host.physical_networks.items() if device == interface.bridge), None)
    if physical is None:
        raise UnfitError(
            f"its interface {interface.mac} is on bridge {interface.bridge}, which is no physical network of the host in the inventory "
            f"(give it one: physical_networks: {{NAME: {interface.bridge}}})"
        )
    known = (each for each in to.networks.values() if (each.type, each.physical_network, each.driver) == ("flat", physical, "linuxbridge"))
    own = Network(re.sub(r"[^a-z0-9]+", "-", physical.lower()).strip("-") or "adopted", physical, port_security=False)
    return next(known, own)


def _volumes(instance: str, found: Sequence[FileDisk], to: Surroundings, facts: Facts) -> Iterator[Attachment]:
    for number, each in enumerate(found):
        same = next((one for one in to.volumes.values() if (one.host, one.options.get("path")) == (to.host.name, each.path)), None)
        name = f"{instance[:56]}-{each.target}"
        if same is None and name in to.volumes:
            raise UnfitError(f"a volume is called {name!r} already")
        made = same or Volume(names.volume_id(to.lineage, to.next_volume + number), name, 0, "local", host=to.host.name, made=True)
        options = {"path": each.path, "format": each.format}
        gibibytes = -(-_bytes(each, facts) // GIB) or 1
        yield Attachment(replace(made, size=gibibytes, read_only=each.read_only, options=options), each.target, not number)


def _bytes(each: FileDisk, facts: Facts) -> int:
    """Bytes of the disk as its guest sees it. Raises UnfitError when it is not there, or not what the definition says."""
    head, length = facts[disk.Key(each.path)], facts[size.Key(each.path)]
    if not isinstance(head, disk.Disk) or not isinstance(length, int):
        raise UnfitError(f"disk {each.target} is missing: {each.path}")
    if each.format == "qcow2" and head.format != "qcow2":
        raise UnfitError(f"disk {each.target} is no qcow2 file: {each.path}")
    return head.size if each.format == "qcow2" else length
