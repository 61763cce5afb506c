"""Image properties and flavors' extra specs: Glance's and Nova's own words, each with the values that mean something here.

What a value means beside the others, and whether the two go together, `rendering.hardware` says.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal

from msgspec import Meta, field, to_builtins

from orchestrator.files.playbook import reading, strict, words
from orchestrator.rendering import topology
from orchestrator.scheduling import extra_specs

MACHINE = re.compile(r"pc|q35|pc-(i440fx|q35)-[0-9]{1,2}\.[0-9]{1,2}(\.[0-9]{1,2})?")
VERSIONS = re.compile(r"\s*(<=|>=|<|>|!=|==)\s*[0-9]+(\.[0-9]+){0,2}\s*(,\s*(<=|>=|<|>|!=|==)\s*[0-9]+(\.[0-9]+){0,2}\s*)*")
PCI_ALIASES = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*:[1-9][0-9]?(,[A-Za-z0-9_][A-Za-z0-9_.-]*:[1-9][0-9]?)*")
ARCHITECTURES = frozenset(
    {
        *("aarch64", "alpha", "amd64", "armv6", "armv7b", "armv7l", "cris", "i386", "i486", "i586", "i686", "ia64", "lm32", "m68k"),
        *("microblaze", "microblazeel", "mips", "mips64", "mips64el", "mipsel", "openrisc", "parisc", "parisc64", "ppc", "ppc64"),
        *("ppc64le", "ppcemb", "ppcle", "s390", "s390x", "sh4", "sh4eb", "sparc", "sparc64", "unicore32", "x86_64", "xtensa", "xtensaeb"),
    }
)
"""Of nova/objects/fields.py Architecture, and other spellings that Nova reads."""
SCOPES = ("capabilities", "aggregate_instance_extra_specs")
"""Of extra specs that are asked of hosts: the keys after them are theirs to name."""
SCOPED = re.compile(rf"({'|'.join(SCOPES)}):[A-Za-z0-9_:. -]{{1,200}}")
NUMBER = re.compile(r"[-+]?[0-9]{1,18}(\.[0-9]{1,18})?")
LONG = 10**15  # more bytes or operations a second than any disk has


def _machine(value: object) -> str:
    found = words.text(value)
    if not MACHINE.fullmatch(found):
        raise words.bad("must be pc, q35, or one of their versions", "such as pc-q35-7.2")
    return found


def _parsed(parse: Callable[[str], object], why: str, hint: str) -> Callable[[object], str]:
    """Text that `parse` takes, as it was written."""

    def check(value: object) -> str:
        found = words.text(value)
        try:
            parse(found)
        except ValueError:
            raise words.bad(why, hint) from None
        return found

    return check


Machine = Annotated[str, _machine, Meta(pattern=f"^({MACHINE.pattern})$")] | None
Action = Literal["disabled", "reset", "poweroff", "pause", "none"] | None
Flag = words.Flag | None
Parts = Annotated[int, *words.number(1, 65536)] | None
Nodes = Annotated[int, *words.number(1, topology.MOST_NODES)] | None
Memory = Annotated[int, *words.number(1, words.MOST, "MiB")] | None
Shares = Annotated[int, *words.number(1, 262144)] | None
Period = Annotated[int, *words.number(1000, 1_000_000, "microseconds")] | None
Long = Annotated[int, *words.number(1, LONG)] | None
Kibibytes = Annotated[int, *words.number(1, words.MOST, "KiB")] | None
Milliseconds = Annotated[int, *words.number(1, words.MOST, "milliseconds")] | None
Seconds = Annotated[int, *words.number(0, words.MOST, "seconds")] | None
Text = reading.given(type=["string", "integer"])
PAGE = _parsed(topology.page, "must be small, large, any, or the size of a page", "such as 2MB, 1GB, or 2048 for KiB")
PageSize = Annotated[str, PAGE, Text] | None
Cpus = Annotated[str, _parsed(topology.cpus, "must be numbers of vcpus, each once", "such as 0,2-3"), Text] | None


def _quota(value: object) -> int:
    """Microseconds of a period; -1 is no limit."""
    return -1 if words.text(value) == "-1" else words.whole("microseconds", 1000, LONG)(value)


Quota = Annotated[int, _quota, reading.given(anyOf=[{"const": -1}, {"type": "integer", "minimum": 1000}])] | None


def _architecture(value: object) -> str:
    found = words.text(value).lower()
    if found not in ARCHITECTURES:
        raise words.bad("must be an architecture", "such as x86_64 or aarch64")
    return found


def _matching(pattern: re.Pattern[str], why: str, hint: str) -> Callable[[object], str]:
    def check(value: object) -> str:
        found = words.text(value).replace(" ", "")
        if len(found) > 255 or not pattern.fullmatch(found):
            raise words.bad(why, hint)
        return found

    return check


class ImageProperties(strict.Strict, frozen=True):
    """Glance's image properties that have a meaning here."""

    hw_disk_bus: Literal["virtio", "scsi", "ide", "sata"] | None = None
    hw_scsi_model: Literal["virtio-scsi", "lsilogic", "lsisas1068", "lsisas1078", "vmpvscsi"] | None = None
    hw_vif_model: Literal["virtio", "e1000", "e1000e", "rtl8139", "ne2k_pci", "pcnet"] | None = None
    hw_machine_type: Machine = None
    hw_firmware_type: Literal["bios", "uefi"] | None = None
    hw_cpu_sockets: Parts = None
    hw_cpu_cores: Parts = None
    hw_cpu_threads: Parts = None
    hw_cpu_max_sockets: Parts = None
    hw_cpu_max_cores: Parts = None
    hw_cpu_max_threads: Parts = None
    hw_mem_page_size: PageSize = None
    hw_rng_model: Literal["virtio"] | None = None
    hw_watchdog_action: Action = None
    hw_qemu_guest_agent: Flag = None
    hw_video_model: Literal["virtio", "vga", "cirrus", "qxl", "vmvga", "bochs", "none"] | None = None
    hw_input_bus: Literal["usb", "virtio"] | None = None
    hw_architecture: Annotated[str, _architecture] | None = None
    hw_vm_mode: Literal["hvm"] | None = None
    img_hv_type: Literal["kvm", "qemu"] | None = None
    img_hv_requested_version: Annotated[str, _matching(VERSIONS, "must be bounds of a version", "such as >=7.2,<9")] | None = None
    os_type: Literal["linux", "windows"] | None = None
    os_distro: words.ShortText | None = None
    os_version: words.ShortText | None = None
    os_shutdown_timeout: Seconds = None


def _nova(field: str) -> str:
    """Nova's name of an extra spec: `hw_numa_cpus_0` is hw:numa_cpus.0, `hw_rng_allowed` hw_rng:allowed."""
    scoped = re.sub(r"^(hw_rng|hw|quota|pci_passthrough)_", r"\1:", field)
    return re.sub(r"_([0-9])$", r".\1", scoped)


def _scoped(value: object) -> str:
    found = words.bounded(255)(value)
    if not found.strip():
        raise words.bad("must not be blank")
    sign, *operands = found.split()
    if sign in extra_specs.OPERATORS and not operands:
        raise words.bad(f"must have something after '{sign}'", "an operator stands before what it compares with")
    if sign in extra_specs.NUMBERS and not NUMBER.fullmatch(operands[0]):
        raise words.bad(f"must have a number after '{sign}'", "texts are compared by s== and the like")
    return found


ALIASES = _matching(PCI_ALIASES, "must be aliases, each with a number of devices", "such as gpu:1,nic:2")
ASKED = reading.given(patternProperties={f"^{SCOPED.pattern}$": {"type": ["string", "number", "boolean"]}})


class ExtraSpecs(strict.Strict, frozen=True, rename=_nova):
    """Nova's extra specs that have a meaning here, and those that are asked of hosts. The NUMA nodes that can be described one by one are the first eight."""

    hw_cpu_sockets: Parts = None
    hw_cpu_cores: Parts = None
    hw_cpu_threads: Parts = None
    hw_cpu_max_sockets: Parts = None
    hw_cpu_max_cores: Parts = None
    hw_cpu_max_threads: Parts = None
    hw_cpu_policy: Literal["shared"] | None = None
    hw_mem_page_size: PageSize = None
    hw_numa_nodes: Nodes = None
    hw_numa_cpus_0: Cpus = None
    hw_numa_cpus_1: Cpus = None
    hw_numa_cpus_2: Cpus = None
    hw_numa_cpus_3: Cpus = None
    hw_numa_cpus_4: Cpus = None
    hw_numa_cpus_5: Cpus = None
    hw_numa_cpus_6: Cpus = None
    hw_numa_cpus_7: Cpus = None
    hw_numa_mem_0: Memory = None
    hw_numa_mem_1: Memory = None
    hw_numa_mem_2: Memory = None
    hw_numa_mem_3: Memory = None
    hw_numa_mem_4: Memory = None
    hw_numa_mem_5: Memory = None
    hw_numa_mem_6: Memory = None
    hw_numa_mem_7: Memory = None
    quota_cpu_shares: Shares = None
    quota_cpu_period: Period = None
    quota_cpu_quota: Quota = None
    quota_disk_read_bytes_sec: Long = None
    quota_disk_read_iops_sec: Long = None
    quota_disk_write_bytes_sec: Long = None
    quota_disk_write_iops_sec: Long = None
    quota_disk_total_bytes_sec: Long = None
    quota_disk_total_iops_sec: Long = None
    quota_vif_inbound_average: Kibibytes = None
    quota_vif_inbound_peak: Kibibytes = None
    quota_vif_inbound_burst: Kibibytes = None
    quota_vif_outbound_average: Kibibytes = None
    quota_vif_outbound_peak: Kibibytes = None
    quota_vif_outbound_burst: Kibibytes = None
    hw_rng_allowed: Flag = None
    hw_rng_rate_bytes: Long = None
    hw_rng_rate_period: Milliseconds = None
    hw_watchdog_action: Action = None
    pci_passthrough_alias: Annotated[str, ALIASES] | None = None
    asked: Annotated[dict[str, Annotated[str, _scoped]], reading.Rest(SCOPED), ASKED] = field(default_factory=dict)


def texts(found: ImageProperties | ExtraSpecs) -> dict[str, str]:
    """What was written, by its own names, as text: Glance and Nova keep no other; booleans are true and false."""
    written: dict[str, Any] = to_builtins(found)
    written |= written.pop("asked", {})
    return {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in written.items()}
