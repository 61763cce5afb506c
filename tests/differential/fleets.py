"""Random fleets and requests, in Nova's words, as plain data: what `real` gives to Nova, and `ours` to ours.

A host's usage is what its instances use. Words that have Nova's default are left out, so that a case is a short line.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

Case = dict[str, Any]

EDGES = (-1, 0, 0, 1)
"""Around an exact fit: one too little, exact, one more."""
RATIOS = (1.0, 1.0, 1.5, 2.0, 4.0, 16.0, 0.9, 1.1)
IMAGES = ("cirros", "debian", "fedora", "windows")
PROJECTS = ("default", "blue", "red")
METRICS = ("cpu.percent", "cpu.frequency", "cpu.idle.percent", "cpu.user.percent")
CPUS = (
    ("Skylake-Server", "Intel", ("aes", "avx", "avx2", "avx512f", "vmx")),
    ("EPYC", "AMD", ("aes", "avx", "avx2", "svm")),
    ("Nehalem", "Intel", ("vmx",)),
)
MULTIPLIERS = (
    "ram", "cpu", "disk", "hypervisor_version", "num_instances", "io_ops", "image_props", "pci", "soft_affinity", "soft_anti_affinity", "build_failure",
)  # fmt: skip
DEFAULT = (
    "ComputeFilter",
    "ComputeCapabilitiesFilter",
    "ImagePropertiesFilter",
    "ServerGroupAntiAffinityFilter",
    "ServerGroupAffinityFilter",
)
ALL = (
    "AggregateImagePropertiesIsolation", "AggregateInstanceExtraSpecsFilter", "AggregateIoOpsFilter", "AggregateMultiTenancyIsolation",
    "AggregateNumInstancesFilter", "AggregateTypeAffinityFilter", "AllHostsFilter", "ComputeCapabilitiesFilter", "ComputeFilter",
    "DifferentHostFilter", "ImagePropertiesFilter", "IoOpsFilter", "IsolatedHostsFilter", "JsonFilter", "MetricsFilter", "NUMATopologyFilter",
    "NumInstancesFilter", "PciPassthroughFilter", "SameHostFilter", "ServerGroupAffinityFilter", "ServerGroupAntiAffinityFilter",
    "SimpleCIDRAffinityFilter",
)  # fmt: skip


def flavor(rng: random.Random, **extra_specs: str) -> Case:
    made: Case = {
        "name": rng.choice(("m1.tiny", "m1.small", "c1.large")),
        "vcpus": rng.choice((1, 1, 2, 4, 8)),
        "ram": rng.choice((64, 512, 512, 1024, 4096)),
        "disk": rng.choice((0, 1, 5, 10, 40)),
    }
    if rng.random() < 0.2:
        made["ephemeral"] = rng.choice((1, 10))
    if rng.random() < 0.2:
        made["swap"] = rng.choice((1, 512, 1024, 1025))
    if extra_specs:
        made["extra_specs"] = extra_specs
    return made


def instance(rng: random.Random, name: str) -> Case:
    made = {"name": name, **{word: value for word, value in flavor(rng).items() if word not in ("name", "ephemeral", "swap")}}
    if rng.random() < 0.5:
        made["image"] = image_properties(rng)
    return made


def image_properties(rng: random.Random) -> dict[str, str]:
    words = {
        "os_distro": ("debian", "fedora"),
        "os_type": ("linux", "windows"),
        "hw_disk_bus": ("virtio", "scsi"),
        "hw_machine_type": ("q35", "pc"),
    }
    return {word: rng.choice(words[word]) for word in sorted(rng.sample(sorted(words), rng.randint(0, 3)))}


def fleet(rng: random.Random, hosts: int | None = None) -> Case:
    """Hosts with some load, no aggregates, and a small request."""
    made: list[Case] = []
    for number in range(hosts or rng.choice((1, 2, 2, 3, 3, 4, 4, 5, 6, 7))):
        vcpus = rng.choice((2, 4, 8, 16))
        cpu = rng.choice(CPUS)
        host: Case = {
            "name": f"n{number}",
            "ip": f"192.0.2.{rng.randrange(1, 255)}",
            "vcpus": vcpus,
            "memory_mb": rng.choice((4096, 8192, 16384)),
            "disk_gb": rng.choice((20, 50, 100, 200)),
            "version": rng.choice((6002000, 7002000, 7002022, 8000000)),
            "cpu": {"arch": "x86_64", "model": cpu[0], "vendor": cpu[1], "features": list(cpu[2])},
            "instances": [instance(rng, f"i{number}-{each}") for each in range(rng.choice((0, 0, 1, 2, 3)))],
        }
        made.append(host)
    return {"hosts": made, "request": {"name": "new", "flavor": flavor(rng), "image": {"id": rng.choice(IMAGES)}}}


def aggregates(rng: random.Random, case: Case, metadata: Callable[[], dict[str, str]]) -> None:
    """One to four aggregates, overlapping; some hosts are in none."""
    names = [host["name"] for host in case["hosts"]]
    case["aggregates"] = [
        {"name": f"a{number}", "metadata": metadata(), "hosts": sorted(rng.sample(names, rng.randint(1, len(names))))}
        for number in range(rng.randint(1, 4))
    ]


def spread(rng: random.Random, case: Case) -> None:
    """Every word that weighers look at differs between the hosts."""
    for host in case["hosts"]:
        host["ratios"] = [rng.choice(RATIOS), rng.choice((1.0, 1.0, 1.5, 0.9)), rng.choice((1.0, 1.0, 2.0))]
        host["reserved_mb"] = rng.choice((0, 512, 1024))
        host["io_ops"] = rng.choice((0, 0, 0, 1, 2, 7, 8, 9))
        host["failed"] = rng.choice((0, 0, 0, 0, 1, 3))
