"""What of its host a guest is tied to: NUMA nodes and PCI devices (nova/virt/libvirt/driver.py `_get_guest_numa_config`, `_get_guest_pci_device`)."""

from __future__ import annotations

from msgspec import Struct

from orchestrator.model.instance import Device, Instance
from orchestrator.rendering import topology


class Pinning(Struct, frozen=True):
    """`vcpus`: of each the host's processors that it floats over; `emulator`: those of all of them; `nodes`: of each of the guest's the host's."""

    vcpus: tuple[tuple[int, str], ...]
    emulator: str
    nodes: tuple[int, ...]
    nodeset: str


class Address(Struct, frozen=True):
    """A PCI address in parts, as libvirt has them."""

    domain: str
    bus: str
    slot: str
    function: str


def pinning(instance: Instance, cells: tuple[topology.Cell, ...]) -> Pinning | None:
    """Where the guest's NUMA nodes, `cells`, are; None when they are not tied to the host's."""
    if not instance.cells:
        return None
    pinned = zip(cells, instance.cpusets, strict=True)
    vcpus = tuple(sorted((cpu, cpuset) for cell, cpuset in pinned for cpu in cell.cpus))
    nodeset = ",".join(map(str, sorted(instance.cells)))
    return Pinning(vcpus, ",".join(instance.cpusets), instance.cells, nodeset)


def address(device: Device) -> Address:
    """Of 0000:81:00.0."""
    domain, bus, rest = device.address.split(":")
    slot, function = rest.split(".")
    return Address(f"0x{domain}", f"0x{bus}", f"0x{slot}", f"0x{function}")
