"""Makes the cases anew: random fleets and requests, and what the real Nova answers to them. Run by `make differential`."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Callable
from pathlib import Path

from tests.differential import fleets, mixed, novas, real, topics

CASES = Path(__file__).parent / "cases"


TOPICS: dict[str, tuple[Callable[[random.Random], fleets.Case], int, tuple[str, ...]]] = {
    "claims": (topics.claims, 70, ()),
    "compute": (topics.compute, 15, ()),
    "zones": (topics.zones, 15, ()),
    "capabilities": (topics.capabilities, 80, ()),
    "images": (topics.images, 60, ()),
    "groups": (topics.groups, 80, ()),
    "neighbours": (topics.neighbours, 40, ("SameHostFilter", "DifferentHostFilter")),
    "cidr": (topics.cidr, 25, ("SimpleCIDRAffinityFilter",)),
    "busy": (topics.busy, 40, ("AggregateIoOpsFilter", "AggregateNumInstancesFilter")),
    "isolated": (topics.isolated, 40, ("IsolatedHostsFilter",)),
    "extra_specs": (topics.extra_specs, 60, ("AggregateInstanceExtraSpecsFilter",)),
    "image_isolation": (topics.image_isolation, 60, ("AggregateImagePropertiesIsolation",)),
    "tenants": (topics.tenants, 30, ("AggregateMultiTenancyIsolation",)),
    "types": (topics.types, 25, ("AggregateTypeAffinityFilter",)),
    "json": (topics.json_query, 70, ("JsonFilter",)),
    "metrics": (topics.metrics, 60, ()),
    "weights": (mixed.weights, 90, ()),
    "pci": (topics.pci, 30, ("PciPassthroughFilter",)),
    "numa": (topics.numa, 60, ("NUMATopologyFilter",)),
    "many": (mixed.many, 60, ("IoOpsFilter", "NumInstancesFilter")),
    "many_nodes": (mixed.many_nodes, 40, ("NUMATopologyFilter",)),
    "many_devices": (mixed.many_devices, 20, ("PciPassthroughFilter",)),
    "everything": (mixed.everything, 90, ()),
}
"""A topic: how to make a case of it, how many are kept, and the filters that are on beside Nova's default ones."""


def main() -> None:
    novas.start()
    for topic, (make, wanted, chain) in TOPICS.items():
        rng = random.Random(topic)
        kept: list[str] = []
        while len(kept) < wanted:
            case = {"filters": [*fleets.DEFAULT, *chain], **make(rng)}
            with contextlib.suppress(real.Near):
                kept.append(json.dumps({**case, "nova": real.answer(case)}, separators=(",", ":")))
        (CASES / f"{topic}.json").write_text("\n".join(kept) + "\n")
        print(f"{topic}: {len(kept)}")


if __name__ == "__main__":
    main()
