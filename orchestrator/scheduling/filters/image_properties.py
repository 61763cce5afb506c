"""The architecture, hypervisor and mode that an image is made for (nova/scheduler/filters/image_props_filter.py ImagePropertiesFilter)."""

from __future__ import annotations

import itertools
import operator
import re

from orchestrator.model.host import Capacity
from orchestrator.model.scheduler import Options
from orchestrator.scheduling import image_properties
from orchestrator.scheduling.host_state import HostState, Request
from orchestrator.scheduling.verdict import Verdict

NAME = "ImagePropertiesFilter"
ALSO = {"x86_64": ("x86_64", "i686")}
"""What a processor runs beside its own architecture, as libvirt's capabilities have it."""
HYPERVISORS = {"kvm": ("kvm", "qemu"), "qemu": ("qemu",)}
MODES = ("hvm",)
COMPARE = {"<": operator.lt, "<=": operator.le, "==": operator.eq, "!=": operator.ne, ">": operator.gt, ">=": operator.ge}
PREDICATE = re.compile(r"\s*(<=|>=|<|>|!=|==)\s*([0-9]+(?:\.[0-9]+)*)\s*")


def judge(state: HostState, request: Request, options: Options) -> Verdict:
    properties, capacity = image_properties.of(request.image), state.capacity
    default = image_properties.spelled("hw_architecture", options.image_properties_default_architecture)
    offers = {
        "hw_architecture": ALSO.get(capacity.arch, (capacity.arch,)),
        "img_hv_type": HYPERVISORS.get(capacity.virt_type, ()),
        "hw_vm_mode": MODES,
    }
    asked = {name: text for name in offers if (text := properties.get(name, default if name == "hw_architecture" else ""))}
    if not asked:
        return Verdict(True, "the image asks for nothing")
    if not capacity.arch:
        return Verdict(False, f"{', '.join(asked)}: asked for, this host's architecture is not known yet", "be seen", 1)
    for name, wanted in asked.items():
        if wanted not in offers[name]:
            return Verdict(False, f"{name}: {wanted} is asked for, runs {', '.join(offers[name]) or 'none'}", f"run {wanted}", 1)
    version = properties.get("img_hv_requested_version", "")
    if version and capacity.hypervisor_version and not satisfies(capacity.hypervisor_version, version):
        why = f"img_hv_requested_version: {version} is asked for, runs QEMU {told(capacity)}"
        return Verdict(False, why, f"run QEMU {version}", 1)
    return Verdict(True, f"runs {', '.join(asked.values())}" + (f", QEMU {told(capacity)}" if version else ""))


def satisfies(version: int, predicates: str) -> bool:
    """Whether the version, as libvirt counts (7002022), is in the range, such as ">=6.2,<8"; never when that is no range."""
    found = [PREDICATE.fullmatch(each) for each in predicates.split(",")]
    return all(each and COMPARE[each[1]](*_even(_parts(version), tuple(map(int, each[2].split("."))))) for each in found)


def told(capacity: Capacity) -> str:
    """QEMU's version, as it says itself: 7.2.22."""
    return ".".join(map(str, _parts(capacity.hypervisor_version)))


def _parts(version: int) -> tuple[int, ...]:
    return version // 1_000_000, version // 1000 % 1000, version % 1000


def _even(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Of the same length: 7.2 is 7.2.0."""
    pairs = tuple(itertools.zip_longest(one, other, fillvalue=0))
    return tuple(left for left, _ in pairs), tuple(right for _, right in pairs)
