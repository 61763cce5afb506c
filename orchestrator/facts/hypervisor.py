"""What libvirt says of the host: QEMU's version, the processor, and the NUMA nodes (nova/virt/libvirt/host.py `get_capabilities`).

It changes when the host boots at the earliest, so it is asked once a boot. What guests could be made of is left out on the host: with emulators
of many architectures, that is most of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from orchestrator.commands.command import Command, Record
from orchestrator.facts import domain
from orchestrator.model import errors
from orchestrator.model.host import Cell

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

SCRIPT = "virsh -q -c \"$1\" 'version; capabilities' | sed -n '1,/<\\/host>/p'"
VERSION = re.compile(r"^Running hypervisor: \S+ (\d+)\.(\d+)\.(\d+)", re.MULTILINE)
HOST = re.compile(r"<host>.*?</host>", re.DOTALL)


class Key(Struct, frozen=True):
    """The host."""

    def __str__(self) -> str:
        return "what libvirt says of the host"


class Hypervisor(Struct, frozen=True):
    """The fields of model.host.Capacity that are known by it; `arch` in libvirt's words, which are Nova's."""

    hypervisor_version: int
    arch: str
    cpu_model: str
    cpu_vendor: str
    cpu_features: tuple[str, ...]
    cells: tuple[Cell, ...]


def commands(keys: Sequence[Key]) -> tuple[Command, ...]:
    return (Command(("sh", "-c", SCRIPT, "hypervisor", domain.URI), timeout=60, asks=domain.LIBVIRT),)


def parse(keys: Sequence[Key], records: Sequence[Record]) -> dict[Key, Hypervisor]:
    """Raises HostError when libvirt does not answer, or not in a way that is understood."""
    text = records[0].output.decode("utf-8", "replace")
    version, host = VERSION.search(text), HOST.search(text)
    if not version or not host or "<!" in text:  # libvirt writes no DTD, so none is read
        why = records[0].error.strip() or "it does not say what the host is"
        raise domain.silence(why)
    major, minor, micro = map(int, version.groups())
    return dict.fromkeys(keys, _hypervisor(host[0], major * 1_000_000 + minor * 1_000 + micro))


def _hypervisor(text: str, version: int) -> Hypervisor:
    from xml.etree import ElementTree  # 5 ms that a host needs once a boot

    try:
        host = ElementTree.fromstring(text)  # noqa: S314  # without DTD there are no entities
        return Hypervisor(
            version,
            host.findtext("cpu/arch", ""),
            host.findtext("cpu/model", ""),
            host.findtext("cpu/vendor", ""),
            tuple(sorted(feature.attrib["name"] for feature in host.iterfind("cpu/feature"))),
            tuple(sorted(_cells(host), key=lambda cell: cell.id)),
        )
    except (ElementTree.ParseError, KeyError, ValueError) as error:
        raise errors.HostError("what libvirt says of the host is not understood", why=str(error)) from None


def _cells(host: Element) -> Iterator[Cell]:
    """Nodes without memory and nodes without processors are left out: no guest's node can be there."""
    for cell in host.iterfind("topology/cells/cell"):
        memory, cpus = int(cell.findtext("memory", "0")) // 1024, tuple(sorted(int(cpu.attrib["id"]) for cpu in cell.iterfind("cpus/cpu")))
        if memory and cpus:
            yield Cell(int(cell.attrib["id"]), cpus, memory)
