"""A case in our own words: host states, request, options; and what we answer."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.model.desired import NO_IMAGE, Flavor, Image, InstanceRequest, ServerGroup
from orchestrator.model.host import Aggregate, Capacity, Cell, Host
from orchestrator.model.instance import Instance
from orchestrator.model.scheduler import MULTIPLIERS, Options
from orchestrator.scheduling import numa, pci
from orchestrator.scheduling.host_state import HostState, Request
from tests.samples import instances

CLAIMS = {"VCPU": "vcpus", "MEMORY_MB": "ram", "DISK_GB": "disk", "availability_zone": "availability zone"}
"""Placement's part: what it is called in our prefilters."""
GROUP = "group"
BUSES = {"gpu": "81", "nic": "82"}


class Question(Struct, frozen=True):
    """What a case asks of us; `states` by name."""

    states: tuple[HostState, ...]
    request: Request
    options: Options


def question(case: dict[str, Any]) -> Question:
    members = case["request"].get("group", {}).get("members", ())
    states = [_state(host, case, members) for host in sorted(case["hosts"], key=lambda each: each["name"])]
    return Question(tuple(states), _request(case, states), _options(case))


def _state(host: dict[str, Any], case: dict[str, Any], members: list[str]) -> HostState:
    cpu_ratio, ram_ratio, disk_ratio = host.get("ratios", [4.0, 1.0, 1.0])
    there = sorted((each for each in case.get("aggregates", ()) if host["name"] in each["hosts"]), key=lambda each: each["name"])
    kinds = {kind for _, kind, _ in host.get("supported", [["", "kvm", ""]])}
    own = Host(
        host["name"],
        host["ip"],
        availability_zone=host.get("zone", "nova"),
        aggregates=tuple(Aggregate(each["name"], each["metadata"]) for each in there),
        disabled=host.get("disabled", ""),
        metrics=host.get("metrics", {}),
        pci_devices={
            alias: tuple(f"0000:{BUSES[alias]}:{each:02x}.0" for each in range(count)) for alias, count in host.get("pci", {}).items()
        },
        cpu_allocation_ratio=cpu_ratio,
        ram_allocation_ratio=ram_ratio,
        disk_allocation_ratio=disk_ratio,
        reserved_memory_mb=host.get("reserved_mb", 512),
    )
    seen = Capacity(
        "machine",
        "boot",
        host["vcpus"],
        host["memory_mb"],
        host["disk_gb"],
        host["disk_gb"],
        "kvm" if "kvm" in kinds else "qemu",
        arch=host["cpu"]["arch"],
        hypervisor_version=host["version"],
        cpu_model=host["cpu"]["model"],
        cpu_vendor=host["cpu"]["vendor"],
        cpu_features=tuple(host["cpu"]["features"]),
        cells=tuple(Cell(cell["id"], tuple(cell["cpus"]), cell["memory_mb"]) for cell in host.get("cells", ())),
    )
    state = HostState(own, seen, problem="it does not answer" if host.get("down") else "", failed_builds=host.get("failed", 0))
    for each in host["instances"]:
        state = state.claim(_resident(each, host["name"], each["name"] in members), busy=False)
    return replace(state, io_ops=host.get("io_ops", 0))


def _resident(each: dict[str, Any], host: str, member: bool) -> Instance:
    cells = tuple(each.get("cells", ()))
    specs = {"hw:numa_nodes": str(len(cells))} if cells else {}
    return instances.new(
        name=each["name"],
        host=host,
        flavor=Flavor("there", each["vcpus"], each["ram"], each["disk"], extra_specs=specs),
        image=Image("there", "/there", "00", properties=each.get("image", {})),
        server_group=GROUP if member else None,
        cells=cells,
    )


def _request(case: dict[str, Any], states: list[HostState]) -> Request:
    wish = case["request"]
    given, image, group = wish["flavor"], wish.get("image"), wish.get("group")
    flavor = Flavor(
        given["name"],
        given["vcpus"],
        given["ram"],
        given["disk"],
        given.get("ephemeral", 0),
        given.get("swap", 0),
        given.get("extra_specs", {}),
    )
    homes = {each.name: state.host.name for state in states for each in state.residents}
    hints = {word: values[0] if word == "query" else ",".join(values) for word, values in wish.get("hints", {}).items()}
    return Request(
        InstanceRequest(
            wish["name"],
            flavor.name,
            image["id"] if image else "",
            tuple(state.host.name for state in states),
            availability_zone=wish.get("zone"),
            project=wish.get("project", "default"),
            server_group=GROUP if group else None,
            scheduler_hints=hints,
        ),
        flavor,
        image=Image(image["id"], f"/{image['id']}", "00", properties=image.get("properties", {})) if image else NO_IMAGE,
        group=ServerGroup(GROUP, group["policy"], group.get("max_server_per_host", 1)) if group else None,
        group_hosts=frozenset(homes[each] for each in group["members"] if each in homes) if group else frozenset(),
        homes={
            each: homes[each] for word in ("same_host", "different_host") for each in wish.get("hints", {}).get(word, ()) if each in homes
        },
    )


def _options(case: dict[str, Any]) -> Options:
    given = dict(case.get("options", {}))
    multipliers = dict(MULTIPLIERS)
    changed: dict[str, Any] = {}
    for word, value in given.items():
        name = word.replace("metrics.", "metrics_")
        if name in multipliers:
            multipliers[name] = value
        else:
            changed[name] = tuple(value) if isinstance(value, list) else value
    return Options(enabled_filters=tuple(case["filters"]), multipliers=multipliers, max_attempts=1000, **changed)


def next_request(wish: Request, number: int, placed: list[Instance | None]) -> Request:
    """The wish again, for an instance of its own; `placed`: those before it."""
    group_hosts = wish.group_hosts | {each.host for each in placed if each} if wish.group else wish.group_hosts
    return replace(wish, instance=replace(wish.instance, name=f"{wish.instance.name}-{number}"), group_hosts=group_hosts)


def instance(wish: Request, state: HostState) -> Instance:
    """The wish placed there."""
    return instances.new(
        name=wish.instance.name,
        host=state.host.name,
        flavor=wish.flavor,
        image=wish.image,
        server_group=wish.instance.server_group,
        cells=numa.fit(state, wish.flavor),
        devices=pci.choose(state, wish.flavor),
    )


def seat(made: Instance) -> str:
    """Its host, and its NUMA nodes there, if it has some: n1/0,1."""
    return f"{made.host}/{','.join(map(str, made.cells))}" if made.cells else made.host
