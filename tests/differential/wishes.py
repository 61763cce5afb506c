"""Extra specs and queries, drawn at random from what Nova's filters understand."""

from __future__ import annotations

import random
from typing import Any

from tests.differential.fleets import EDGES


def numeric(rng: random.Random, *values: int) -> str:
    """A requirement on a number, by one of the operators."""
    value = rng.choice(values) + rng.choice(EDGES)
    return f"{rng.choice(('=', '==', '!=', '>=', '<=', '>=', '<='))} {value}"


def textual(rng: random.Random, *values: str) -> str:
    """A requirement on a word, by one of the operators."""
    value, other = rng.choice(values), rng.choice(values)
    forms = (
        "{0}",
        "s== {0}",
        "s!= {0}",
        "s< {0}",
        "s<= {0}",
        "s> {0}",
        "s>= {0}",
        "<in> {0}",
        "<or> {0} <or> {1}",
        "<or> {0}",
        "<or> {0} {1}",
        "<all-in> {0} {1}",
        "s==",
        " ",
    )
    return rng.choice(forms).format(value, other)


def capability(rng: random.Random) -> tuple[str, str]:
    """An extra spec that ComputeCapabilitiesFilter looks at, and what is asked of it."""
    numbers = {
        "vcpus_total": (4, 8),
        "vcpus_used": (0, 2),
        "total_usable_ram_mb": (4096, 8192),
        "free_ram_mb": (3584, 7680),
        "total_usable_disk_gb": (50, 100),
        "free_disk_mb": (51200, 102400),
        "num_instances": (0, 1, 2),
        "num_io_ops": (0, 1),
        "hypervisor_version": (7002000, 8000000),
    }
    words = {
        "hypervisor_type": ("QEMU", "KVM", "qemu"),
        "cpu_info:arch": ("x86_64", "aarch64"),
        "cpu_info:model": ("EPYC", "Nehalem", "Skylake-Server"),
        "cpu_info:vendor": ("Intel", "AMD"),
        "cpu_info:features": ("avx", "avx2", "vmx", "svm", "aes"),
        "host": ("n0", "n1", "n2"),
        "hypervisor_hostname": ("n0", "n1"),
        "cpu_info:nothing": ("x",),
        "nothing:at:all": ("x",),
    }
    key = rng.choice(sorted({*numbers, *words}))
    asked = numeric(rng, *numbers[key]) if key in numbers else textual(rng, *words[key])
    scope = rng.choice(
        ("capabilities:", "capabilities:", "" if ":" not in key else "capabilities:", "hw:" if rng.random() < 0.2 else "capabilities:")
    )
    return scope + key, asked


def query(rng: random.Random, depth: int = 2) -> list[Any]:
    if depth and rng.random() < 0.5:
        return [rng.choice(("and", "or", "not")), *(query(rng, depth - 1) for _ in range(rng.choice((1, 2, 2))))]
    words: tuple[tuple[str, tuple[Any, ...]], ...] = (
        ("$free_ram_mb", (512, 3584, 7680, 0)),
        ("$free_disk_mb", (51200, 10240, 102400)),
        ("$total_usable_ram_mb", (4096, 8192)),
        ("$total_usable_disk_gb", (50, 100)),
        ("$vcpus_total", (4, 8)),
        ("$vcpus_used", (0, 1, 2)),
        ("$num_instances", (0, 1, 2)),
        ("$num_io_ops", (0, 1)),
        ("$hypervisor_version", (7002000, 7002022)),
        ("$host", ("n0", "n1", "n2")),
        ("$nothing", (1,)),
        ("$hypervisor_hostname", ("n1", "n2")),
    )
    word, values = rng.choice(words)
    operator = rng.choice(("=", "<", ">", "in", "<=", ">="))
    if rng.random() < 0.04:
        return rng.choice((["<", "$host", 3], ["==", "$vcpus_total", 4], [">", "$free_ram_mb", "much"]))
    return [operator, word, *(rng.choice(values) for _ in range(rng.choice((0, 1, 2)) if operator == "in" else rng.choice((1, 1, 1, 2))))]
