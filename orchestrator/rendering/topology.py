"""The processors and the memory of a guest, from its flavor and what its image asks for (nova/virt/hardware.py).

A flavor's extra specs are the rule, an image's properties a wish within it. Where Nova takes the nearest that is possible, a wish that cannot
be met is an error here: what is declared is what there is.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping

from msgspec import Struct

from orchestrator.model import errors
from orchestrator.model.desired import Flavor, Image

PARTS = ("sockets", "cores", "threads")
SMALL = 4  # KiB: an ordinary page of x86_64
PAGE = re.compile(r"([1-9][0-9]{0,8})(?:([kmg])i?b?)?", re.IGNORECASE)
KIBIBYTES = {"k": 1, "m": 1 << 10, "g": 1 << 20}
CPUS = re.compile(r"[0-9]{1,4}(-[0-9]{1,4})?(,[0-9]{1,4}(-[0-9]{1,4})?)*")
MOST_NODES = 128  # nova ImageMetaProps.NUMA_NODES_MAX


class UnfitError(errors.SpecError):
    """An extra spec or image property, `key`, that does not fit with the rest."""

    def __init__(self, key: str, value: object, why: str, hint: str = "") -> None:
        super().__init__(f"{key} '{value}'" if value != "" else key, why=why, hint=hint)
        self.key = key


class Topology(Struct, frozen=True):
    """What the guest sees of its processors."""

    sockets: int
    cores: int
    threads: int


class Cell(Struct, frozen=True):
    """A NUMA node of the guest: its processors, and memory in MiB."""

    cpus: tuple[int, ...]
    memory: int


def topology(flavor: Flavor, image: Image) -> Topology:
    """Sockets, cores and threads that make the flavor's vcpus; without a wish, as many sockets as vcpus. Raises UnfitError."""
    most, wished = _limits(flavor, image), _wished(flavor, image)
    if not most and not wished:
        return Topology(flavor.vcpus, 1, 1)
    possible = [each for each in _possible(flavor.vcpus) if all(getattr(each, part) <= least for part, (_, least) in most.items())]
    if not possible:
        key = next(iter(most.values()))[0]
        raise UnfitError(
            key, _value(flavor, image, key), f"{flavor.vcpus} vcpus cannot be made within the limits of sockets, cores and threads"
        )
    # Fewest threads, then most sockets, as Nova prefers them.
    possible.sort(key=lambda each: (each.sockets * each.cores, each.sockets, each.threads), reverse=True)
    for each in possible:
        if all(getattr(each, part) == count for part, (_, count) in wished.items()):
            return each
    key, count = next(iter(wished.values()))
    raise UnfitError(key, count, f"sockets, cores and threads do not make {flavor.vcpus} vcpus", "give numbers whose product is vcpus")


def cells(flavor: Flavor) -> tuple[Cell, ...]:
    """The guest's NUMA nodes, none unless the flavor asks for some. Raises UnfitError."""
    specs = flavor.extra_specs
    manual = [key for key in specs if key.startswith(("hw:numa_cpus.", "hw:numa_mem."))]
    if "hw:numa_nodes" not in specs and not manual:
        return ()
    count = int(specs.get("hw:numa_nodes", 1))
    if manual:
        return _manual(flavor, count, manual)
    for name, amount in (("vcpus", flavor.vcpus), ("MiB of ram", flavor.ram)):
        if amount % count:
            why = f"{amount} {name} cannot be shared out evenly among {count} nodes"
            raise UnfitError("hw:numa_nodes", count, why, "say of each node what it has: hw:numa_cpus.0, hw:numa_mem.0 and so on")
    each = flavor.vcpus // count
    return tuple(Cell(tuple(range(node * each, (node + 1) * each)), flavor.ram // count) for node in range(count))


def pages(flavor: Flavor, image: Image, nodes: tuple[Cell, ...]) -> int | None:
    """The size in KiB of the pages that the guest's memory is made of: 0 is the host's own large ones, None ordinary. Raises UnfitError."""
    rule, wish = flavor.extra_specs.get("hw:mem_page_size"), image.properties.get("hw_mem_page_size")
    if wish and (rule is None or (rule not in ("any", "large") and page(rule) != page(wish))):
        why = f"the flavor says {rule}" if rule else "the flavor leaves the size of pages to nobody"
        raise UnfitError("hw_mem_page_size", wish, why, "give the flavor hw:mem_page_size: any, or large")
    if rule == "large" and wish in ("small", str(SMALL)):
        raise UnfitError("hw_mem_page_size", wish, "the flavor says large")
    size = page(wish if wish and wish != "any" else rule or "any")
    uneven = next((cell.memory for cell in nodes or (Cell((), flavor.ram),) if size and (cell.memory << 10) % size), None)
    if uneven is not None:
        raise UnfitError("hw:mem_page_size", wish or rule, f"{uneven} MiB are no whole number of such pages")
    return size


def page(text: str) -> int | None:
    """The size in KiB that a word or number for pages means: 0 for large, None for ordinary ones. Raises ValueError."""
    if text == "large":
        return 0
    if text in ("small", "any"):
        return None
    found = PAGE.fullmatch(text)
    size = int(found[1]) * KIBIBYTES[(found[2] or "k").lower()] if found else 0
    if size < SMALL or size & (size - 1):
        raise ValueError(text)
    return None if size == SMALL else size


def cpus(text: str) -> tuple[int, ...]:
    """The numbers of a list such as 0,2-3, sorted. Raises ValueError."""
    if not CPUS.fullmatch(text):
        raise ValueError(text)
    spans = (part.partition("-") for part in text.split(","))
    ranges = [range(int(first), int(last or first) + 1) for first, _, last in spans]
    numbers = sorted(itertools.chain.from_iterable(ranges))
    if not all(ranges) or len(set(numbers)) != len(numbers):
        raise ValueError(text)
    return tuple(numbers)


def _limits(flavor: Flavor, image: Image) -> dict[str, tuple[str, int]]:
    """The most of each part, and who says so: an image may only lower what the flavor allows."""
    found: dict[str, tuple[str, int]] = {}
    for part in PARTS:
        rule, wish = (f"hw:cpu_max_{part}", f"hw_cpu_max_{part}")
        if rule in flavor.extra_specs:
            found[part] = (rule, int(flavor.extra_specs[rule]))
        if wish in image.properties:
            most = int(image.properties[wish])
            if part in found and most > found[part][1]:
                raise UnfitError(wish, most, f"the flavor allows {found[part][1]}")
            found[part] = (wish, most)
    return found


def _wished(flavor: Flavor, image: Image) -> dict[str, tuple[str, int]]:
    """What is asked of each part, and by which key: by the image, else by the flavor, never by both."""
    most = _limits(flavor, image)
    wish = {part: (f"hw_cpu_{part}", int(image.properties[f"hw_cpu_{part}"])) for part in PARTS if f"hw_cpu_{part}" in image.properties}
    for part, (key, count) in wish.items():
        if part in most and count > most[part][1]:
            raise UnfitError(key, count, f"{most[part][1]} at most, says {most[part][0]}")
    rule = {part: (f"hw:cpu_{part}", int(flavor.extra_specs[f"hw:cpu_{part}"])) for part in PARTS if f"hw:cpu_{part}" in flavor.extra_specs}
    # An image that lowered the limits below the flavor's own wish has overruled it.
    lowered = any(part in most and count > most[part][1] and most[part][0] in image.properties for part, (_, count) in rule.items())
    return wish or ({} if lowered else rule)


def _possible(vcpus: int) -> Iterator[Topology]:
    for cores in _divisors(vcpus):
        for threads in _divisors(vcpus // cores):
            yield Topology(vcpus // cores // threads, cores, threads)


def _divisors(number: int) -> tuple[int, ...]:
    low = [each for each in range(1, math.isqrt(number) + 1) if number % each == 0]
    return tuple(sorted({*low, *(number // each for each in low)}))


def _manual(flavor: Flavor, count: int, given: list[str]) -> tuple[Cell, ...]:
    """Nodes that the flavor describes one by one: all of them, all processors once, all of the memory."""
    wanted = [f"hw:numa_{kind}.{node}" for node in range(count) for kind in ("cpus", "mem")]
    odd = next((key for key in (*given, *wanted) if (key in wanted) != (key in flavor.extra_specs)), None)
    if odd:
        why = "is missing" if odd in wanted else f"nodes are counted from 0 to {count - 1}"
        raise UnfitError(
            odd, flavor.extra_specs.get(odd, ""), why, "give hw:numa_nodes, and both hw:numa_cpus.N and hw:numa_mem.N for each"
        )
    found = tuple(Cell(cpus(_spec(flavor, "cpus", node)), int(_spec(flavor, "mem", node))) for node in range(count))
    numbers = sorted(itertools.chain.from_iterable(cell.cpus for cell in found))
    if numbers != list(range(flavor.vcpus)):
        why = f"all nodes together must have each of the {flavor.vcpus} vcpus once, numbered from 0"
        raise UnfitError("hw:numa_cpus.0", _spec(flavor, "cpus", 0), why)
    if sum(cell.memory for cell in found) != flavor.ram:
        why = f"the nodes' memory makes {sum(cell.memory for cell in found)} MiB, ram is {flavor.ram}"
        raise UnfitError("hw:numa_mem.0", _spec(flavor, "mem", 0), why)
    return found


def _spec(flavor: Flavor, kind: str, node: int) -> str:
    return flavor.extra_specs[f"hw:numa_{kind}.{node}"]


def _value(flavor: Flavor, image: Image, key: str) -> str:
    values: Mapping[str, str] = {**flavor.extra_specs, **image.properties}
    return values[key]
