"""A function a topic: a case that looks closely at one filter or weigher. Exact fits, zeros and odd values are frequent."""

from __future__ import annotations

import json
import random

from tests.differential import fleets, wishes
from tests.differential.fleets import Case


def claims(rng: random.Random) -> Case:
    case = fleets.fleet(rng)
    fleets.spread(rng, case)
    wish = case["request"]["flavor"]
    for host in case["hosts"]:
        if rng.random() < 0.25:
            host["memory_mb"] = (
                wish["ram"] + sum(each["ram"] for each in host["instances"]) + host["reserved_mb"] + rng.choice(fleets.EDGES)
            )
            host["ratios"][1] = 1.0
        if rng.random() < 0.25:
            host["vcpus"] = max(1, wish["vcpus"] + rng.choice(fleets.EDGES))
        if rng.random() < 0.25:
            host["disk_gb"] = max(1, wish["disk"] + sum(each["disk"] for each in host["instances"]) + rng.choice(fleets.EDGES))
            host["ratios"][2] = 1.0
    return case


def compute(rng: random.Random) -> Case:
    case = fleets.fleet(rng)
    for host in case["hosts"]:
        if rng.random() < 0.4:
            host["disabled"] = "broken fan"
        elif rng.random() < 0.3:
            host["down"] = True
    return case


def zones(rng: random.Random) -> Case:
    case = fleets.fleet(rng)
    for host in case["hosts"]:
        host["zone"] = rng.choice(("nova", "east", "west"))
    if rng.random() < 0.8:
        case["request"]["zone"] = rng.choice(("nova", "east", "west", "north"))
    return case


def capabilities(rng: random.Random) -> Case:
    case = fleets.fleet(rng)
    fleets.spread(rng, case)
    for host in case["hosts"]:
        host["reserved_mb"] = 512
    case["request"]["flavor"]["extra_specs"] = dict(wishes.capability(rng) for _ in range(rng.choice((1, 1, 1, 2))))
    if rng.random() < 0.06:
        rare = ({"hw:maxphysaddr_bits": "40"}, {"capabilities:cpu_info:model": ">= 3"}, {"capabilities:vcpus_total": ">= many"})
        case["request"]["flavor"]["extra_specs"] |= rng.choice(rare)
    return case


def images(rng: random.Random) -> Case:
    case = fleets.fleet(rng)
    for host in case["hosts"]:
        kinds = ("x86_64", "i686") if rng.random() < 0.7 else ("aarch64",)
        host["cpu"]["arch"] = kinds[0]
        host["version"] = rng.choice((host["version"], host["version"], host["version"], 0))
        runs = ("kvm", "qemu") if rng.random() < 0.6 else ("qemu",)
        host["supported"] = [[arch, kind, "hvm"] for arch in kinds for kind in runs]
    asked: dict[str, str] = {}
    words = {
        "hw_architecture": ("x86_64", "aarch64", "i686", "ppc64le", "amd64", "X86_64"),
        "img_hv_type": ("kvm", "qemu", "QEMU", "xen"),
        "hw_vm_mode": ("hvm", "xen", "exe", "HVM"),
        "img_hv_requested_version": (">=6.0", ">=7.2.22", "<7.2.0", ">6.2,<8.0", "==7.2.22", "!=8.0.0", ">=9"),
        "os_distro": ("debian",),
    }
    for word in rng.sample(sorted(words), rng.choice((0, 1, 1, 2, 2, 3))):
        asked[word] = rng.choice(words[word])
    if asked:
        case["request"]["image"]["properties"] = asked
    if rng.random() < 0.25:
        case["options"] = {"image_properties_default_architecture": rng.choice(("x86_64", "aarch64"))}
    if rng.random() < 0.05:
        del case["request"]["image"]
    return case


def groups(rng: random.Random) -> Case:
    case = fleets.fleet(rng)
    there = [each["name"] for host in case["hosts"] for each in host["instances"]]
    policy = rng.choice(("affinity", "anti-affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity"))
    group: Case = {"policy": policy, "members": sorted(rng.sample(there, rng.randint(0, len(there))))}
    if policy == "anti-affinity" and rng.random() < 0.5:
        group["max_server_per_host"] = rng.randint(1, 3)
    case["request"]["group"] = group
    if rng.random() < 0.3:
        word = rng.choice(("soft_affinity_weight_multiplier", "soft_anti_affinity_weight_multiplier"))
        case["options"] = {word: rng.choice((0.0, 2.5, 10.0))}
    return case


def neighbours(rng: random.Random) -> Case:
    case = fleets.fleet(rng)
    there = [each["name"] for host in case["hosts"] for each in host["instances"]] or ["gone"]
    hints = {
        word: sorted(rng.sample(there, rng.randint(1, min(3, len(there)))))
        for word in ("same_host", "different_host")
        if rng.random() < 0.6
    }
    case["request"]["hints"] = {word: [*names, "gone"] if rng.random() < 0.1 else names for word, names in hints.items()}
    return case


def cidr(rng: random.Random) -> Case:
    case = fleets.fleet(rng)
    for host in case["hosts"]:
        host["ip"] = f"{rng.choice(('192.0.2', '192.0.2', '192.0.3', '198.51.100'))}.{rng.randrange(1, 255)}"
    hints = {"build_near_host_ip": [rng.choice((case["hosts"][0]["ip"], "192.0.2.1", "198.51.100.77"))]} if rng.random() < 0.9 else {}
    if rng.random() < 0.7:
        hints["cidr"] = [rng.choice(("/24", "/23", "/25", "/32", "/0", "/28", "/16", "/33"))]
    case["request"]["hints"] = hints
    return case


def busy(rng: random.Random) -> Case:
    """IoOps, NumInstances, and both as aggregates say."""
    case = fleets.fleet(rng)
    for host in case["hosts"]:
        host["io_ops"] = rng.randint(0, 9)
        host["instances"] = [fleets.instance(rng, f"{host['name']}-{each}") for each in range(rng.randint(0, 4))]
        for each in host["instances"]:
            each.update(vcpus=1, ram=64, disk=1)
    case["options"] = {"max_io_ops_per_host": rng.choice((0, 1, 4, 8)), "max_instances_per_host": rng.choice((1, 2, 3, 50))}
    words = {"max_io_ops_per_host": ("1", "4", "8", " 3", "many"), "max_instances_per_host": ("1", "2", "10", "few", "")}
    fleets.aggregates(rng, case, lambda: {word: rng.choice(values) for word, values in words.items() if rng.random() < 0.6})
    return case


def isolated(rng: random.Random) -> Case:
    case = fleets.fleet(rng)
    names = [host["name"] for host in case["hosts"]]
    case["options"] = {
        "isolated_hosts": sorted(rng.sample(names, rng.randint(0, len(names)))),
        "isolated_images": sorted(rng.sample(fleets.IMAGES, rng.choice((0, 1, 2)))),
        "restrict_isolated_hosts_to_isolated_images": rng.random() < 0.5,
    }
    return case


def extra_specs(rng: random.Random) -> Case:
    """AggregateInstanceExtraSpecsFilter: several aggregates' values are one set, and one value that matches is enough."""
    case = fleets.fleet(rng)
    words = {
        "ssd": ("true", "false"),
        "tier": ("gold", "silver", "gold,silver", "bronze, gold"),
        "generation": ("3", "4", "5", "3,5", "ten"),
    }
    fleets.aggregates(rng, case, lambda: {word: rng.choice(values) for word, values in words.items() if rng.random() < 0.5})
    asked: dict[str, str] = {}
    for word in rng.sample(sorted({*words, "hypervisor_type"}), rng.choice((1, 1, 2))):
        scope = rng.choice(
            (
                "aggregate_instance_extra_specs:",
                "aggregate_instance_extra_specs:",
                "",
                "hw:",
                "capabilities:nothing:" if rng.random() < 0.1 else "",
            )
        )
        values = {"ssd": ("true", "false"), "tier": ("gold", "silver", "bronze")}.get(word, ("QEMU",))
        asked[scope + word] = wishes.numeric(rng, 3, 4) if word == "generation" else wishes.textual(rng, *values)
    case["request"]["flavor"]["extra_specs"] = asked
    return case


def image_isolation(rng: random.Random) -> Case:
    case = fleets.fleet(rng)
    words = {
        "os_distro": ("debian", "fedora", "debian,fedora"),
        "os_type": ("linux", "windows", "linux, windows"),
        "hw_machine_type": ("q35", "pc"),
        "hw_architecture": ("x86_64", "aarch64"),
        "color": ("red",),
        "hw_qemu_guest_agent": ("True", "true", "yes"),
        "hw_video_ram": ("16", "32"),
        "os.os_distro": ("debian",),
    }
    fleets.aggregates(rng, case, lambda: {word: rng.choice(values) for word, values in words.items() if rng.random() < 0.4})
    properties = fleets.image_properties(rng)
    if rng.random() < 0.3:
        properties |= rng.choice(({"hw_qemu_guest_agent": "yes"}, {"hw_video_ram": "16"}, {"hw_architecture": "amd64"}))
    if properties:
        case["request"]["image"]["properties"] = properties
    if rng.random() < 0.4:
        case["options"] = {"aggregate_image_properties_isolation_namespace": rng.choice(("os", "hw"))}
        case["options"]["aggregate_image_properties_isolation_separator"] = rng.choice(("_", ".", "_"))
    return case


def tenants(rng: random.Random) -> Case:
    case = fleets.fleet(rng)
    words = {
        "filter_tenant_id": ("blue", "red", "blue,red"),
        "filter_tenant_id2": ("default", "red"),
        "filter_tenant_id_x": (" blue ",),
        "ssd": ("true",),
    }
    fleets.aggregates(rng, case, lambda: {word: rng.choice(values) for word, values in words.items() if rng.random() < 0.3})
    case["request"]["project"] = rng.choice(fleets.PROJECTS)
    return case


def types(rng: random.Random) -> Case:
    case = fleets.fleet(rng)
    values = ("m1.tiny", "m1.small", "c1.large", "m1.tiny, c1.large", "m1.small,m1.tiny", "", "m1")
    fleets.aggregates(rng, case, lambda: {"instance_type": rng.choice(values)} if rng.random() < 0.6 else {})
    return case


def json_query(rng: random.Random) -> Case:
    case = fleets.fleet(rng)
    fleets.spread(rng, case)
    case["request"]["hints"] = {"query": [json.dumps(wishes.query(rng) if rng.random() < 0.95 else [])]}
    return case


def metrics(rng: random.Random) -> Case:
    """MetricsFilter first, as [metrics] required wants it; or a weight for what is not there."""
    case = fleets.fleet(rng)
    for host in case["hosts"]:
        host["metrics"] = {word: rng.choice((0, 5, 50, 100, 2400)) for word in fleets.METRICS if rng.random() < 0.7}
    setting = {word: rng.choice((1.0, -1.0, 0.5, 0.0, 2.0)) for word in rng.sample(fleets.METRICS, rng.choice((0, 1, 1, 2)))}
    case["options"] = {"metrics.weight_setting": setting, "metrics.required": rng.random() < 0.4}
    if rng.random() < 0.4:
        case["options"]["metrics.weight_multiplier"] = rng.choice((2.0, -1.0, 0.0))
    if rng.random() < 0.4:
        case["options"]["metrics.weight_of_unavailable"] = rng.choice((-1.0, 0.0, 100.0))
    if rng.random() < 0.3:
        fleets.aggregates(rng, case, lambda: {"metrics_weight_multiplier": rng.choice(("0", "3", "-2.5"))} if rng.random() < 0.7 else {})
    required = case["options"]["metrics.required"]
    case["filters"] = [*fleets.DEFAULT, "MetricsFilter"] if rng.random() < (0.8 if required else 0.3) else list(fleets.DEFAULT)
    return case


def pci(rng: random.Random) -> Case:
    case = fleets.fleet(rng)
    for host in case["hosts"]:
        host["pci"] = {word: rng.choice((0, 1, 2, 4, 60)) for word in ("gpu", "nic") if rng.random() < 0.7}
    asked = ", ".join(f"{word}:{rng.randint(1, 3)}" for word in rng.sample(("gpu", "nic"), rng.choice((0, 1, 1, 2))))
    if asked and rng.random() < 0.2:
        asked += f",{asked[:3]}:1"  # the same again: both count
    if asked:
        case["request"]["flavor"]["extra_specs"] = {"pci_passthrough:alias": asked}
    if rng.random() < 0.3:
        case["options"] = {"pci_weight_multiplier": rng.choice((0.0, 3.0))}
    return case


def cells(rng: random.Random, host: Case) -> None:
    """NUMA nodes for the host, and nodes of its instances on them."""
    number = rng.choice((1, 2, 2, 4))
    size = rng.choice((1, 2, 4))
    host["vcpus"] = size * number
    memory = rng.choice((1024, 2048, 4096))
    host["cells"] = [
        {"id": each, "cpus": list(range(each * size, (each + 1) * size)), "memory_mb": memory + rng.choice((0, 0, 512, 1024))}
        for each in range(number)
    ]
    host["memory_mb"] = sum(cell["memory_mb"] for cell in host["cells"])
    host["ratios"] = [rng.choice((1.0, 1.0, 2.0, 4.0)), rng.choice((1.0, 1.0, 1.5)), 1.0]
    for each in host["instances"]:
        each.update(vcpus=rng.choice((1, 1, 2)), ram=rng.choice((128, 512, 1024)), disk=1)
        if rng.random() < 0.7:
            each["cells"] = [rng.randrange(number)]


def numa(rng: random.Random) -> Case:
    case = fleets.fleet(rng)
    for host in case["hosts"]:
        if rng.random() < 0.9:
            cells(rng, host)
    wish = case["request"]["flavor"]
    nodes = rng.choice((1, 1, 2, 2, 4))
    wish.update(vcpus=nodes * rng.choice((1, 1, 2, 4)), ram=nodes * rng.choice((256, 512, 1024, 1536)), disk=1)
    specs = {"hw:numa_nodes": str(nodes)} if rng.random() < 0.85 else {}
    if specs and nodes == 2 and wish["vcpus"] > 2 and rng.random() < 0.5:
        rest = list(range(1, wish["vcpus"]))
        specs |= {
            "hw:numa_cpus.0": "0",
            "hw:numa_cpus.1": ",".join(map(str, rest)),
            "hw:numa_mem.0": "128",
            "hw:numa_mem.1": str(wish["ram"] - 128),
        }
    if specs:
        wish["extra_specs"] = specs
    return case
