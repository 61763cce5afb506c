"""Cases of many filters or weighers at once."""

from __future__ import annotations

import json
import random
from typing import Any

from tests.differential import fleets, topics
from tests.differential.fleets import Case


def weights(rng: random.Random) -> Case:
    """Multipliers of the configuration, and of aggregates: the smallest of several wins, what is no number counts as none."""
    case = fleets.fleet(rng)
    fleets.spread(rng, case)
    case["request"]["flavor"].update(vcpus=1, ram=64, disk=1, swap=0, ephemeral=0)
    case["request"]["image"]["properties"] = fleets.image_properties(rng)
    options: dict[str, Any] = {
        f"{word}_weight_multiplier": rng.choice((0.0, 0.5, 2.0, 3.7)) for word in rng.sample(fleets.MULTIPLIERS, rng.randint(0, 5))
    }
    if rng.random() < 0.5:
        options["image_props_weight_multiplier"] = rng.choice((1.0, -1.0, 2.0))
    if rng.random() < 0.3:
        options["image_props_weight_setting"] = {"os_distro": 2.0, "hw_disk_bus": rng.choice((0.0, -1.0, 1.0))}
    for word in ("ram", "cpu", "disk", "hypervisor_version", "num_instances", "io_ops"):
        if rng.random() < 0.15:
            options[f"{word}_weight_multiplier"] = rng.choice((-1.0, -2.5))
    if options:
        case["options"] = options
    if rng.random() < 0.5:
        values = ("0", "1.5", "-3", "2", " 4 ", "many", "")
        fleets.aggregates(
            rng,
            case,
            lambda: {f"{word}_weight_multiplier": rng.choice(values) for word in rng.sample(fleets.MULTIPLIERS, rng.randint(0, 3))},
        )
    return case


def many(rng: random.Random) -> Case:
    """Instances of one wish, one after the other: what each takes changes what the next one finds."""
    case = fleets.fleet(rng, rng.randint(3, 6))
    fleets.spread(rng, case)
    for host in case["hosts"]:
        host["failed"] = 0
    case["request"]["flavor"].update(
        vcpus=rng.choice((1, 1, 2)), ram=rng.choice((512, 1024)), disk=rng.choice((0, 1, 5)), swap=0, ephemeral=0
    )
    case["count"] = rng.randint(3, 12)
    case["options"] = {
        f"{word}_weight_multiplier": rng.choice((0.0, -1.0, 2.0))
        for word in rng.sample(("ram", "cpu", "disk", "io_ops"), rng.randint(0, 2))
    }
    if rng.random() < 0.6:
        policy = rng.choice(("affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity"))
        there = [each["name"] for host in case["hosts"] for each in host["instances"]]
        group: Case = {
            "policy": policy,
            "members": [*sorted(rng.sample(there, min(len(there), rng.randint(0, 2)))), *(f"new-{each}" for each in range(case["count"]))],
        }
        if policy == "anti-affinity" and rng.random() < 0.6:
            group["max_server_per_host"] = 2
        case["request"]["group"] = group
    return case


def many_nodes(rng: random.Random) -> Case:
    """Guests with NUMA nodes, one after the other: where each goes on its host decides whether the next one finds room."""
    case = fleets.fleet(rng, rng.randint(2, 4))
    for host in case["hosts"]:
        topics.cells(rng, host)
    nodes = rng.choice((1, 1, 2))
    case["request"]["flavor"] = {"name": "numa", "vcpus": nodes * rng.choice((1, 2)), "ram": nodes * rng.choice((256, 512, 768)), "disk": 0}
    case["request"]["flavor"]["extra_specs"] = {"hw:numa_nodes": str(nodes)}
    if nodes == 2 and rng.random() < 0.4:
        case["request"]["flavor"].update(vcpus=3, ram=768)
        case["request"]["flavor"]["extra_specs"] |= {
            "hw:numa_cpus.0": "0",
            "hw:numa_cpus.1": "1-2",
            "hw:numa_mem.0": "512",
            "hw:numa_mem.1": "256",
        }
    case["count"] = rng.randint(3, 12)
    return case


def many_devices(rng: random.Random) -> Case:
    """Guests with PCI devices, one after the other."""
    case = fleets.fleet(rng, rng.randint(2, 4))
    for host in case["hosts"]:
        host["pci"] = {"gpu": rng.randint(0, 4), "nic": rng.randint(0, 4)}
    asked = rng.choice(("gpu:1", "gpu:2", "nic:1,gpu:1"))
    case["request"]["flavor"] = {"name": "gpu", "vcpus": 1, "ram": 64, "disk": 0, "extra_specs": {"pci_passthrough:alias": asked}}
    case["count"] = rng.randint(3, 9)
    return case


def everything(rng: random.Random) -> Case:
    """Every filter and every weigher at once."""
    case = fleets.fleet(rng, rng.randint(4, 9))
    fleets.spread(rng, case)
    for host in case["hosts"]:
        host["zone"] = rng.choice(("nova", "nova", "nova", "east"))
        host["metrics"] = {word: rng.choice((0, 5, 50)) for word in fleets.METRICS if rng.random() < 0.9}
        host["pci"] = {"gpu": rng.choice((0, 1, 2))}
        host["io_ops"] = rng.choice((0, 0, 1, 2, 3))
    case["request"] |= {"zone": rng.choice(("nova", "nova", None)), "project": rng.choice(fleets.PROJECTS)}
    case["request"]["flavor"].update(vcpus=1, ram=rng.choice((64, 512)), disk=rng.choice((0, 1)), ephemeral=0, swap=0)
    there = [each["name"] for host in case["hosts"] for each in host["instances"]]
    if there and rng.random() < 0.6:
        policy = rng.choice(("anti-affinity", "soft-affinity", "soft-anti-affinity"))
        case["request"]["group"] = {"policy": policy, "members": sorted(rng.sample(there, rng.randint(0, min(3, len(there)))))}
    if rng.random() < 0.4:
        case["request"]["flavor"]["extra_specs"] = {"aggregate_instance_extra_specs:ssd": "true"}
    if rng.random() < 0.3:
        case["request"]["flavor"].setdefault("extra_specs", {})["pci_passthrough:alias"] = "gpu:1"
    if rng.random() < 0.3:
        case["request"]["hints"] = {"query": [json.dumps([">=", "$free_ram_mb", 2048])]}
    words = {
        "ssd": ("true", "true", "true", "false"),
        "filter_tenant_id": ("default,blue", "red,blue,default"),
        "ram_weight_multiplier": ("2", "0.5"),
    }
    fleets.aggregates(rng, case, lambda: {word: rng.choice(values) for word, values in words.items() if rng.random() < 0.5})
    case["options"] = {
        "metrics.weight_setting": {"cpu.percent": -1.0},
        "image_props_weight_multiplier": 1.0,
        "num_instances_weight_multiplier": -0.5,
    }
    case["filters"] = list(fleets.ALL)
    return case
