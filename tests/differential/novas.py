"""A case in the real Nova's objects. Runs in the virtual environment of `make differential` alone.

Hosts go the way they go in nova-scheduler: a ComputeNode as nova-compute's resource tracker reports it, through HostState.update. Nothing is asked of
a database.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import logging
import uuid
from collections.abc import Iterator
from typing import Any

import nova.conf
from nova import objects
from nova.objects import monitor_metric
from nova.pci import request as pci_request
from nova.scheduler import host_manager
from nova.virt import hardware

CONF = nova.conf.CONF
NAMES = uuid.UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
CELL = str(uuid.uuid5(NAMES, "cell"))
NOW = datetime.datetime.now(tz=datetime.UTC)
PERCENT = monitor_metric.FIELDS_REQUIRING_CONVERSION
"""Metrics that hosts report as parts of 1."""
HOMES = ("same_host", "different_host")
DOWN = 86400
"""Seconds since a host that is down was heard of."""
PRODUCTS = {"gpu": ("10de", "1db4"), "nic": ("8086", "154d")}


def start() -> None:
    """Nova's objects and options, no configuration file."""
    objects.register_all()
    CONF([], project="nova", default_config_files=[])
    CONF.set_override("service_down_time", DOWN // 2)
    logging.disable()
    aliases = [json.dumps({"name": name, "vendor_id": vendor, "product_id": product}) for name, (vendor, product) in PRODUCTS.items()]
    CONF.set_override("alias", aliases, group="pci")


def identity(name: str) -> str:
    return str(uuid.uuid5(NAMES, name))


@contextlib.contextmanager
def options(given: dict[str, Any]) -> Iterator[None]:
    """Nova's options as the case has them; a list of `name=value` is written as a mapping there."""
    changed = []
    for word, value in given.items():
        group, _, name = word.rpartition(".")
        section = group or "filter_scheduler"
        listed = [f"{key}={each}" for key, each in value.items()] if isinstance(value, dict) else value
        CONF.set_override(name, list(map(identity, value)) if name == "isolated_images" else listed, group=section)
        changed.append((name, section))
    try:
        yield
    finally:
        for name, section in changed:
            CONF.clear_override(name, group=section)


def used(host: dict[str, Any]) -> dict[str, int]:
    """What its instances use, as the resource tracker counts: vcpus, ram MiB, disk GiB."""
    return {word: sum(each[word] for each in host["instances"]) for word in ("vcpus", "ram", "disk")}


def topology(host: dict[str, Any]) -> objects.NUMATopology | None:
    """The host's NUMA nodes, those of its instances on them counted by Nova itself."""
    if "cells" not in host:
        return None
    made = objects.NUMATopology(
        cells=[
            objects.NUMACell(
                id=cell["id"],
                cpuset=set(cell["cpus"]),
                pcpuset=set(),
                memory=cell["memory_mb"],
                cpu_usage=0,
                memory_usage=0,
                pinned_cpus=set(),
                siblings=[{cpu} for cpu in cell["cpus"]],
                mempages=[objects.NUMAPagesTopology(size_kb=4, total=cell["memory_mb"] * 256, used=0)],
                socket=0,
            )
            for cell in host["cells"]
        ]
    )
    for each in host["instances"]:
        if "cells" in each:
            number = len(each["cells"])
            there = objects.InstanceNUMATopology(
                cells=[
                    objects.InstanceNUMACell(
                        id=node, cpuset=set(range(each["vcpus"] // number)), pcpuset=set(), memory=each["ram"] // number, pagesize=None
                    )
                    for node in each["cells"]
                ]
            )
            made = hardware.numa_usage_from_instance_numa(made, there)
    return made


def instance(each: dict[str, Any], host: str) -> objects.Instance:
    properties = {f"image_{word}": value for word, value in each.get("image", {}).items()}
    return objects.Instance(uuid=identity(each["name"]), host=host, image_ref=NAMES.hex, system_metadata=properties)


def compute_node(host: dict[str, Any]) -> objects.ComputeNode:
    """What nova-compute reports (nova/compute/resource_tracker.py `_update_usage`): reserved memory counts as used, ratios do not count."""
    load, reserved = used(host), host.get("reserved_mb", 512)
    ratios = host.get("ratios", [4.0, 1.0, 1.0])
    cpu = host["cpu"]
    pools = [
        objects.PciDevicePool(
            vendor_id=PRODUCTS[word][0], product_id=PRODUCTS[word][1], numa_node=None, tags={"dev_type": "type-PCI"}, count=count
        )
        for word, count in host.get("pci", {}).items()
        if count
    ]
    cells = topology(host)
    kinds = host.get("supported", [[cpu["arch"], "kvm", "hvm"], [cpu["arch"], "qemu", "hvm"]])
    stats = {
        "num_instances": str(len(host["instances"])),
        "io_workload": str(host.get("io_ops", 0)),
        "failed_builds": str(host.get("failed", 0)),
    }
    metrics = [
        {"name": name, "value": value / 100 if name in PERCENT else value, "timestamp": NOW.isoformat(), "source": "case"}
        for name, value in host.get("metrics", {}).items()
    ]
    return objects.ComputeNode(
        uuid=identity(f"node {host['name']}"),
        host=host["name"],
        vcpus=host["vcpus"],
        memory_mb=host["memory_mb"],
        local_gb=host["disk_gb"],
        vcpus_used=load["vcpus"],
        memory_mb_used=load["ram"] + reserved,
        local_gb_used=load["disk"],
        free_ram_mb=host["memory_mb"] - load["ram"] - reserved,
        free_disk_gb=host["disk_gb"] - load["disk"],
        disk_available_least=None,
        hypervisor_type="QEMU",
        hypervisor_version=host["version"],
        hypervisor_hostname=host["name"],
        cpu_info=json.dumps(cpu),
        metrics=json.dumps(metrics),
        stats=stats,
        host_ip=host["ip"],
        numa_topology=cells._to_json() if cells else None,
        supported_hv_specs=[objects.HVSpec.from_list(kind) for kind in kinds],
        pci_device_pools=objects.PciDevicePoolList(objects=pools),
        cpu_allocation_ratio=ratios[0],
        ram_allocation_ratio=ratios[1],
        disk_allocation_ratio=ratios[2],
        updated_at=NOW,
    )


def states(case: dict[str, Any]) -> list[host_manager.HostState]:
    """By name, which is the order in which ours looks at hosts: of equals, the first wins."""
    made = []
    for host in sorted(case["hosts"], key=lambda each: each["name"]):
        state = host_manager.HostState(host["name"], host["name"], CELL)
        seen = NOW - datetime.timedelta(seconds=DOWN if host.get("down") else 0)
        service = {
            "disabled": "disabled" in host,
            "last_seen_up": seen,
            "created_at": seen,
            "host": host["name"],
            "topic": "compute",
            "forced_down": False,
        }
        there = [
            objects.Aggregate(id=number, name=each["name"], metadata=each["metadata"])
            for number, each in enumerate(case.get("aggregates", ()))
            if host["name"] in each["hosts"]
        ]
        instances = {each.uuid: each for each in (instance(each, host["name"]) for each in host["instances"])}
        state.update(compute_node(host), service, there, instances)
        state.allocation_candidates = [{"allocations": {}, "mappings": {}}]
        made.append(state)
    return made


def spec(case: dict[str, Any]) -> objects.RequestSpec:
    wish = case["request"]
    given = wish["flavor"]
    flavor = objects.Flavor(
        name=given["name"],
        vcpus=given["vcpus"],
        memory_mb=given["ram"],
        root_gb=given["disk"],
        ephemeral_gb=given.get("ephemeral", 0),
        swap=given.get("swap", 0),
        extra_specs=given.get("extra_specs", {}),
    )
    given = wish.get("image")
    image = objects.ImageMeta.from_dict({"id": identity(given["id"]), "properties": given.get("properties", {})}) if given else None
    plain = image or objects.ImageMeta.from_dict({"properties": {}})
    return objects.RequestSpec(
        instance_uuid=identity(wish["name"]),
        num_instances=1,
        flavor=flavor,
        image=image,
        project_id=wish.get("project", "default"),
        scheduler_hints={
            word: [identity(each) if word in HOMES else each for each in values] for word, values in wish.get("hints", {}).items()
        },
        instance_group=group(case),
        pci_requests=pci_request.get_pci_requests_from_flavor(flavor),
        numa_topology=hardware.numa_get_constraints(flavor, plain),
        ignore_hosts=None,
        force_hosts=None,
        force_nodes=None,
    )


def group(case: dict[str, Any]) -> objects.InstanceGroup | None:
    given = case["request"].get("group")
    if not given:
        return None
    rules = {"max_server_per_host": str(given["max_server_per_host"])} if "max_server_per_host" in given else {}
    hosts = sorted(host["name"] for host in case["hosts"] if any(each["name"] in given["members"] for each in host["instances"]))
    return objects.InstanceGroup(
        uuid=identity("group"),
        policy=given["policy"],
        policies=[given["policy"]],
        rules=rules,
        members=[identity(each) for each in given["members"]],
        hosts=hosts,
    )
