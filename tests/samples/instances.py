"""Instances as planning would make them, small and large."""

from __future__ import annotations

import hashlib
from pathlib import Path

from msgspec.structs import replace

from orchestrator.model import desired, names
from orchestrator.model.host import Host
from orchestrator.model.instance import Base, Disk, Instance, Port
from tests.playbook.samples import Qcow2

PATH = "/var/lib/nova/instances"
LINEAGE = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
UUID = "0b3f1f0e-5c1d-4a53-9a3c-1d2e3f405162"
MIB, GIB = 1 << 20, 1 << 30
HOST = Host("h1", "192.0.2.11")
QCOW2 = Qcow2(virtual=64 * MIB).content()
"""A whole qcow2 image of 64 MiB."""
RAW = b"boot".ljust(MIB, b"\0")
ADDRESS = "http://images.example.com/cirros.qcow2"
"""Where QCOW2 is to be fetched."""
NETWORK = desired.Network(
    "private", "phys0", subnets=(desired.Subnet("10.20.0.0/24", "10.20.0.1", ("10.20.0.2",), ("10.20.0.10", "10.20.0.200")),)
)
BLANK = {"ephemeral": "ephemeral_1_40d1d2c", "swap": "swap_256"}


def port(number: int = 1, network: str = "private", bridge: str = "br-phys0", interface: str | None = None) -> Port:
    """A port of the private network; `number` makes its id, MAC and address."""
    identity = f"{number:08x}-aaaa-4bbb-8ccc-1234567890ab"
    address = (f"10.20.0.{9 + number}",)
    return Port(identity, network, names.mac(bytes((0, 0, number))), names.tap(identity), bridge, address, interface)


def switched(network: desired.Network) -> Instance:
    """An instance with two ports of a network on the Open vSwitch bridge br-ex."""
    ports = (replace(port(number, network.name), switch="br-ex") for number in (1, 2))
    return replace(new(1, *(replace(each, bridge=names.hybrid(each.id)[0]) for each in ports)), networks={network.name: network})


def image(path: Path | str = "/images/cirros.qcow2", content: bytes = QCOW2, **properties: str) -> desired.Image:
    """The image whose file at `path` holds `content`."""
    digest = hashlib.sha256(content).hexdigest()
    return desired.Image("cirros", str(path), digest, "qcow2", len(content), 64 * MIB, properties=properties)


def new(number: int = 1, *ports: Port, ephemeral: int = 0, swap: int = 0, path: str = PATH, **changes: object) -> Instance:
    """An instance of 1 vCPU, 64 MiB and one disk; a blank disk more for `ephemeral` (GiB) and `swap` (MiB)."""
    uuid = f"{number:08x}{UUID[8:]}"
    directory = f"{path}/{uuid}"
    source = changes.pop("image", None) or image()
    assert isinstance(source, desired.Image)
    base = Base("image", names.base(path, names.image_id(source.name, source.digest)), source.virtual_size)
    found = [Disk("disk", "vda", f"{directory}/disk", GIB, base)]
    for kind, name, size in (("ephemeral", "disk.local", ephemeral * GIB), ("swap", "disk.swap", swap * MIB)):
        if size:
            blank = Base(kind, f"{path}/_base/{BLANK[kind]}", size)
            found.append(Disk(name, f"vd{'abc'[len(found)]}", f"{directory}/{name}", size, blank))
    made = Instance(
        uuid=uuid,
        name=f"web-{number}",
        domain=names.domain(number),
        host=HOST.name,
        directory=directory,
        virt_type="qemu",
        lineage=LINEAGE,
        flavor=desired.Flavor("m1.tiny", 1, 64, 1, ephemeral, swap),
        image=source,
        disks=tuple(found),
        ports=ports,
        networks={each.network: NETWORK for each in ports},
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def parts(number: int, *sizes: int) -> Instance:
    """An instance with ephemeral disks of these sizes, GiB."""
    plain = new(number, ephemeral=sum(sizes))
    bases = [Base("ephemeral", f"{PATH}/_base/ephemeral_{size}_40d1d2c", size * GIB) for size in sizes]
    found = [
        Disk(f"disk.eph{place}", f"vd{'bcdef'[place]}", f"{plain.directory}/disk.eph{place}", base.size, base)
        for place, base in enumerate(bases)
    ]
    return replace(plain, disks=(plain.disks[0], *found))
