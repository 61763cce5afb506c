"""What a guest is made of: its flavor's extra specs and its image's properties, each asked where Nova asks it, become devices and limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from orchestrator.model.desired import Flavor, Image
from orchestrator.rendering import topology

PREFIXES = {"virtio": "vd", "scsi": "sd", "sata": "sd", "ide": "hd"}
CPUTUNE = ("shares", "period", "quota")
IOTUNE = tuple(f"{way}_{unit}_sec" for unit in ("bytes", "iops") for way in ("total", "read", "write"))
DIRECTIONS = ("inbound", "outbound")
RATES = ("average", "peak", "burst")


class Cdrom(Struct, frozen=True):
    """Where the config drive is plugged in; `unit` is its place on the controller where the name alone would take a disk's."""

    bus: str
    device: str
    unit: int | None


class Rng(Struct, frozen=True):
    """A random number generator; with a rate, so many bytes in so many milliseconds (0: libvirt's second)."""

    bytes: int = 0
    period: int = 0


class Hardware(Struct, frozen=True):
    """Everything about a guest that flavor and image decide together. Pairs are names of XML and their values."""

    machine: str
    uefi: bool
    windows: bool
    cpu: topology.Topology
    cells: tuple[topology.Cell, ...]
    pages: int | None  # KiB; 0: the host's own large ones; None: ordinary
    cputune: tuple[tuple[str, int], ...]
    iotune: tuple[tuple[str, int], ...]
    bandwidth: tuple[tuple[str, tuple[tuple[str, int], ...]], ...]  # by direction
    disk_bus: str
    scsi_model: str | None
    cdrom_bus: str
    vif_model: str
    video: str
    input_bus: str
    rng: Rng | None
    watchdog: str | None
    guest_agent: bool

    def device(self, name: str) -> str:
        """A disk's name in the guest's own bus, from the letter of its virtio name."""
        return PREFIXES.get(self.disk_bus, "vd") + name.removeprefix("vd")

    def cdrom(self, disks: Iterable[str]) -> Cdrom:
        """Where the config drive goes beside disks of these virtio names: no two share a name, be it on two buses.

        IDE has room for four. A drive that is second on its channel is not found by guests while none is first there.
        """
        prefix, taken = PREFIXES[self.cdrom_bus], {self.device(name) for name in disks}
        if self.cdrom_bus == "ide":
            order = "cbda" if self.disk_bus == "ide" else "a"
            return Cdrom("ide", next((f"hd{letter}" for letter in order if f"hd{letter}" not in taken), "hdd"), None)
        if PREFIXES.get(self.disk_bus) != prefix:
            return Cdrom(self.cdrom_bus, f"{prefix}a", None)
        return Cdrom(self.cdrom_bus, f"{prefix}z", 5 if self.disk_bus == self.cdrom_bus else 0)


def of(flavor: Flavor, image: Image) -> Hardware:
    """What the guest is made of. Raises UnfitError when flavor and image do not go together."""
    specs, wishes = flavor.extra_specs, image.properties
    machine, bus = wishes.get("hw_machine_type", "pc"), wishes.get("hw_disk_bus", "virtio")
    q35 = "q35" in machine
    if bus == "ide" and q35:
        raise topology.UnfitError("hw_disk_bus", bus, f"machine type {machine} has no IDE", "take sata, scsi or virtio")
    nodes = topology.cells(flavor)
    return Hardware(
        machine=machine,
        uefi=wishes.get("hw_firmware_type") == "uefi",
        windows=wishes.get("os_type") == "windows",
        cpu=topology.topology(flavor, image),
        cells=nodes,
        pages=topology.pages(flavor, image, nodes),
        cputune=_numbers(specs, "quota:cpu_", CPUTUNE),
        iotune=_iotune(specs),
        bandwidth=_bandwidth(specs),
        disk_bus=bus,
        scsi_model=wishes.get("hw_scsi_model", "virtio-scsi") if bus == "scsi" else None,
        cdrom_bus="sata" if q35 else "ide",
        vif_model=wishes.get("hw_vif_model", "virtio"),
        video=wishes.get("hw_video_model", "virtio"),
        input_bus=wishes.get("hw_input_bus", "usb"),
        rng=_rng(specs),
        watchdog=_watchdog(specs, wishes),
        guest_agent=wishes.get("hw_qemu_guest_agent") == "true",
    )


def _numbers(specs: Mapping[str, str], prefix: str, names: tuple[str, ...]) -> tuple[tuple[str, int], ...]:
    return tuple((name, int(specs[prefix + name])) for name in names if prefix + name in specs)


def _iotune(specs: Mapping[str, str]) -> tuple[tuple[str, int], ...]:
    found = _numbers(specs, "quota:disk_", IOTUNE)
    names = {name for name, _ in found}
    for unit in ("bytes", "iops"):
        if f"total_{unit}_sec" in names and names & {f"read_{unit}_sec", f"write_{unit}_sec"}:
            key = f"quota:disk_total_{unit}_sec"
            raise topology.UnfitError(key, specs[key], "QEMU limits either the total, or reads and writes", "leave one of them out")
    return found


def _bandwidth(specs: Mapping[str, str]) -> tuple[tuple[str, tuple[tuple[str, int], ...]], ...]:
    found = []
    for direction in DIRECTIONS:
        rates = _numbers(specs, f"quota:vif_{direction}_", RATES)
        if rates and rates[0][0] != "average":
            key = f"quota:vif_{direction}_{rates[0][0]}"
            raise topology.UnfitError(
                key, specs[key], "there is no average that it could exceed", f"give quota:vif_{direction}_average too"
            )
        found += [(direction, rates)] if rates else []
    return tuple(found)


def _rng(specs: Mapping[str, str]) -> Rng | None:
    """There unless the flavor forbids it (nova since 21.0.0)."""
    if specs.get("hw_rng:allowed") == "false":
        return None
    if "hw_rng:rate_period" in specs and "hw_rng:rate_bytes" not in specs:
        why = "there are no bytes to be had in it"
        raise topology.UnfitError("hw_rng:rate_period", specs["hw_rng:rate_period"], why, "give hw_rng:rate_bytes too")
    return Rng(int(specs.get("hw_rng:rate_bytes", 0)), int(specs.get("hw_rng:rate_period", 0)))


def _watchdog(specs: Mapping[str, str], wishes: Mapping[str, str]) -> str | None:
    """What is done when the guest hangs: the image's word counts before the flavor's."""
    action = wishes.get("hw_watchdog_action", specs.get("hw:watchdog_action", "disabled"))
    return None if action == "disabled" else action
