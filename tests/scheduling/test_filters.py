"""What each filter says of a host: whether it fits, with the numbers, and what would make it fit."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field

import pytest

from orchestrator.model.desired import NO_IMAGE, ServerGroup
from orchestrator.model.host import Capacity
from orchestrator.model.instance import Device
from orchestrator.model.scheduler import Options
from orchestrator.scheduling import filters, prefilters, rooms
from orchestrator.scheduling.host_state import HostState, Request
from orchestrator.scheduling.place import NOWHERE
from tests.scheduling.samples import aggregate, host, request, resident

APART = ServerGroup("quorum", "anti-affinity")
NEAR = ServerGroup("pair", "affinity")
CELLS = {"hw:numa_nodes": "2"}


@dataclass(frozen=True)
class Case:
    """`change` is "" where the host fits."""

    filter: str
    state: HostState
    request: Request
    why: str
    change: str = ""
    options: Options = field(default_factory=Options)


def asks(requirement: str, key: str = "capabilities:vcpus_total") -> Request:
    return request({key: requirement})


def query(*words: object) -> Request:
    return request(scheduler_hints={"query": json.dumps(words)})


ISOLATED = Options(isolated_hosts=("n1",), isolated_images=("windows",))
CASES = (
    Case("ComputeFilter", host(), request(), "answers and is enabled"),
    Case("ComputeFilter", host(disabled="new fan"), request(), "disabled: new fan", "not be disabled"),
    Case("ComputeFilter", host(problem="no route"), request(), "not reached: no route", "be reached"),
    Case("AllHostsFilter", host(disabled="new fan"), request(), "all hosts will do"),
    # affinity
    Case("ServerGroupAntiAffinityFilter", host(), request(), "no anti-affinity asked for"),
    Case("ServerGroupAntiAffinityFilter", host(resident()), request(group=APART), "members of 'quorum': has 0, takes 1"),
    Case(
        "ServerGroupAntiAffinityFilter",
        host(resident(server_group="quorum"), resident("cache")),
        request(group=APART),
        "members of 'quorum': has 1, takes 1",
        "lose db",
    ),
    Case(
        "ServerGroupAntiAffinityFilter",
        host(resident(server_group="quorum")),
        request(group=ServerGroup("quorum", "anti-affinity", 2)),
        "members of 'quorum': has 1, takes 2",
    ),
    Case(
        "ServerGroupAntiAffinityFilter",
        host(*(resident(name, server_group="quorum") for name in ("a", "b", "c"))),
        request(group=ServerGroup("quorum", "anti-affinity", 2)),
        "members of 'quorum': has 3, takes 2",
        "lose b, c",
    ),
    Case("ServerGroupAffinityFilter", host(), request(), "no affinity asked for"),
    Case("ServerGroupAffinityFilter", host(), request(group=NEAR), "group 'pair' is there, or nowhere yet"),
    Case("ServerGroupAffinityFilter", host(), request(group=NEAR, group_hosts=frozenset({"n1"})), "group 'pair' is there, or nowhere yet"),
    Case(
        "ServerGroupAffinityFilter",
        host(),
        request(group=NEAR, group_hosts=frozenset({"n2"})),
        "group 'pair' is on n2",
        "have the members of 'pair'",
    ),
    Case("SameHostFilter", host(), request(), "no same_host asked for"),
    Case("SameHostFilter", host(), request(scheduler_hints={"same_host": "db, web"}, homes={"db": "n2", "web": "n1"}), "same_host: has web"),
    Case(
        "SameHostFilter",
        host(),
        request(scheduler_hints={"same_host": "db,gone"}, homes={"db": "n2"}),
        "same_host: has none of db, gone",
        "have db or gone",
    ),
    Case("DifferentHostFilter", host(), request(), "no different_host asked for"),
    Case(
        "DifferentHostFilter",
        host(),
        request(scheduler_hints={"different_host": "db,gone"}, homes={"db": "n2"}),
        "different_host: has none of db, gone",
    ),
    Case(
        "DifferentHostFilter",
        host(),
        request(scheduler_hints={"different_host": "db,web"}, homes={"db": "n2", "web": "n1"}),
        "different_host: has web",
        "lose web",
    ),
    Case("SimpleCIDRAffinityFilter", host(), request(), "no build_near_host_ip asked for"),
    Case(
        "SimpleCIDRAffinityFilter",
        host(),
        request(scheduler_hints={"build_near_host_ip": "192.0.2.77"}),
        "build_near_host_ip: 192.0.2.11 is in 192.0.2.0/24",
    ),
    Case(
        "SimpleCIDRAffinityFilter",
        host(),
        request(scheduler_hints={"build_near_host_ip": "192.0.2.77", "cidr": "/26"}),
        "build_near_host_ip: 192.0.2.11 is not in 192.0.2.64/26",
        "be in 192.0.2.64/26",
    ),
    Case(
        "SimpleCIDRAffinityFilter",
        host(address="n1.example.com"),
        request(scheduler_hints={"build_near_host_ip": "2001:db8::1", "cidr": "/64"}),
        "build_near_host_ip: n1.example.com is no IP address",
        "local_ip in 2001:db8::/64",
    ),
    Case(
        "SimpleCIDRAffinityFilter",
        host(address="n1.example.com", local_ip="2001:db8::2"),
        request(scheduler_hints={"build_near_host_ip": "2001:db8::1", "cidr": "/64"}),
        "build_near_host_ip: 2001:db8::2 is in 2001:db8::/64",
    ),
    Case(
        "SimpleCIDRAffinityFilter",
        host(),
        request(scheduler_hints={"build_near_host_ip": "192.0.2.1", "cidr": "/99"}),
        "build_near_host_ip: 192.0.2.1/99 is no network",
        "be asked for a network",
    ),
    # load
    Case("IoOpsFilter", host(io_ops=7), request(), "io_ops: has 7, takes 8"),
    Case("IoOpsFilter", host(io_ops=9), request(), "io_ops: has 9, takes 8", "2 fewer io_ops"),
    Case("AggregateIoOpsFilter", host(io_ops=7), request(), "io_ops: has 7, takes 8"),
    Case(
        "AggregateIoOpsFilter",
        host(io_ops=2, aggregates=(aggregate("a", max_io_ops_per_host="9"), aggregate("b", max_io_ops_per_host="2"))),
        request(),
        "io_ops: has 2, takes 2",
        "1 fewer io_ops",
    ),
    Case(
        "AggregateIoOpsFilter",
        host(io_ops=2, aggregates=(aggregate("a", max_io_ops_per_host="many"), aggregate("b", max_io_ops_per_host="2"))),
        request(),
        "io_ops: has 2, takes 8",
    ),
    Case("NumInstancesFilter", host(resident()), request(), "instances: has 1, takes 50"),
    Case(
        "NumInstancesFilter",
        host(resident()),
        request(),
        "instances: has 1, takes 1",
        "1 fewer instances",
        Options(max_instances_per_host=1),
    ),
    Case("NumInstancesFilter", host(), request(), "instances: has 0, takes 0", "take any instances", Options(max_instances_per_host=0)),
    Case("AggregateNumInstancesFilter", host(resident()), request(), "instances: has 1, takes 50"),
    Case(
        "AggregateNumInstancesFilter",
        host(resident(), aggregates=(aggregate(max_instances_per_host="1"),)),
        request(),
        "instances: has 1, takes 1",
        "1 fewer instances",
    ),
    Case("MetricsFilter", host(), request(), "no metrics are weighed by"),
    Case("MetricsFilter", host(metrics={"heat": 3.0}), request(), "metrics: has heat", "", Options(metrics_weight_setting={"heat": -1.0})),
    Case(
        "MetricsFilter",
        host(metrics={"heat": 3.0}),
        request(),
        "metrics: noise not known of this host",
        "metrics: noise",
        Options(metrics_weight_setting={"heat": -1.0, "noise": 0.0}),
    ),
    # isolation
    Case("IsolatedHostsFilter", host(), request(), "image 'cirros' is not isolated, host is not isolated"),
    Case(
        "IsolatedHostsFilter",
        host(),
        request(),
        "image 'cirros' is not isolated, host is isolated",
        "be none of isolated_hosts",
        ISOLATED,
    ),
    Case(
        "IsolatedHostsFilter",
        host(),
        request(),
        "image 'cirros' is not isolated, host is isolated",
        "",
        Options(isolated_hosts=("n1",), restrict_isolated_hosts_to_isolated_images=False),
    ),
    Case(
        "IsolatedHostsFilter",
        host(),
        request(),
        "image 'cirros' is isolated, host is not isolated",
        "be one of isolated_hosts",
        Options(isolated_hosts=("n2",), isolated_images=("cirros",), restrict_isolated_hosts_to_isolated_images=False),
    ),
    Case("IsolatedHostsFilter", host(), request(image=NO_IMAGE), "image '' is not isolated, host is isolated", "be none of isolated_hosts", ISOLATED),
    # aggregates
    Case("AggregateInstanceExtraSpecsFilter", host(), asks("4"), "no metadata of aggregates asked for"),
    Case(
        "AggregateInstanceExtraSpecsFilter",
        host(aggregates=(aggregate("a", tier="gold"), aggregate("b", tier="silver, bronze"))),
        asks("bronze", "aggregate_instance_extra_specs:tier"),
        "tier: bronze is asked for, has bronze, gold, silver",
    ),
    Case(
        "AggregateInstanceExtraSpecsFilter",
        host(aggregates=(aggregate(tier="gold"),)),
        asks("<or> silver <or> bronze", "tier"),
        "tier: <or> silver <or> bronze is asked for, its aggregates say gold",
        "be in an aggregate of tier <or> silver <or> bronze",
    ),
    Case(
        "AggregateInstanceExtraSpecsFilter",
        host(),
        asks("true", "aggregate_instance_extra_specs:ssd"),
        "ssd: true is asked for, none of its aggregates says so",
        "be in an aggregate of ssd true",
    ),
    Case(
        "AggregateInstanceExtraSpecsFilter",
        host(aggregates=(aggregate(generation="ten"),)),
        asks(">= 4", "aggregate_instance_extra_specs:generation"),
        "generation: >= 4 is asked for, its aggregates say ten",
        "be in an aggregate of generation >= 4",
    ),
    Case(
        "AggregateImagePropertiesIsolation",
        host(aggregates=(aggregate(os_distro="debian,fedora"),)),
        request(properties={"os_distro": "debian"}),
        "its aggregates keep no such image out",
    ),
    Case("AggregateImagePropertiesIsolation", host(aggregates=(aggregate(os_distro="debian"),)), request(), "its aggregates keep no such image out"),
    Case(
        "AggregateImagePropertiesIsolation",
        host(aggregates=(aggregate(os_distro="debian,fedora"),)),
        request(properties={"os_distro": "windows"}),
        "os_distro: the image has windows, its aggregates take debian, fedora",
        "be in an aggregate of os_distro windows",
    ),
    Case(
        "AggregateImagePropertiesIsolation",
        host(aggregates=(aggregate(os_distro="debian"),)),
        request(properties={"os_distro": "windows"}),
        "its aggregates keep no such image out",
        "",
        Options(aggregate_image_properties_isolation_namespace="hw", aggregate_image_properties_isolation_separator="_"),
    ),
    Case(
        "AggregateImagePropertiesIsolation",
        host(aggregates=(aggregate(hw_architecture="x86_64", hw_qemu_guest_agent="True"),)),
        request(properties={"hw_architecture": "amd64", "hw_qemu_guest_agent": "yes"}),
        "its aggregates keep no such image out",
    ),
    Case("AggregateMultiTenancyIsolation", host(aggregates=(aggregate(ssd="true"),)), request(), "kept for no project"),
    Case(
        "AggregateMultiTenancyIsolation",
        host(aggregates=(aggregate("a", filter_tenant_id="red"), aggregate("b", filter_tenant_id2=" blue ,green"))),
        request(project="blue"),
        "kept for projects blue, green, red, this is 'blue'",
    ),
    Case(
        "AggregateMultiTenancyIsolation",
        host(aggregates=(aggregate(filter_tenant_id="red"),)),
        request(),
        "kept for projects red, this is 'default'",
        "take project 'default' (filter_tenant_id)",
    ),
    Case("AggregateTypeAffinityFilter", host(), request(), "takes every flavor"),
    Case(
        "AggregateTypeAffinityFilter",
        host(aggregates=(aggregate("a", instance_type="m1.tiny"), aggregate("b", instance_type="c1.large, m1.small"))),
        request(),
        "takes flavors c1.large, m1.small, m1.tiny, this is 'm1.small'",
    ),
    Case(
        "AggregateTypeAffinityFilter",
        host(aggregates=(aggregate(instance_type="m1.tiny"),)),
        request(),
        "takes flavors m1.tiny, this is 'm1.small'",
        "take flavor 'm1.small' (instance_type)",
    ),
    # capabilities
    Case("ComputeCapabilitiesFilter", host(), request({"quota:cpu_shares": "512", "ssd": "true"}), "no capabilities asked for"),
    Case("ComputeCapabilitiesFilter", host(), asks(">= 8"), "vcpus_total: >= 8 is asked for, is 8"),
    Case("ComputeCapabilitiesFilter", host(), asks(">= 9"), "vcpus_total: >= 9 is asked for, is 8", "have vcpus_total >= 9"),
    Case("ComputeCapabilitiesFilter", host(), asks("4", "num_instances"), "num_instances: 4 is asked for, is 0", "have num_instances 4"),
    Case(
        "ComputeCapabilitiesFilter",
        host(),
        asks("<all-in> aes avx2", "capabilities:cpu_info:features"),
        "cpu_info:features: <all-in> aes avx2 is asked for, is aes, avx2",
    ),
    Case(
        "ComputeCapabilitiesFilter",
        host(),
        asks("Intel", "capabilities:cpu_info:vendor"),
        "cpu_info:vendor: Intel is asked for, is AMD",
        "have cpu_info:vendor Intel",
    ),
    Case(
        "ComputeCapabilitiesFilter",
        host(),
        asks("x", "capabilities:cpu_info:colour"),
        "cpu_info:colour: x is asked for, not known of this host",
        "have cpu_info:colour x",
    ),
    Case(
        "ComputeCapabilitiesFilter",
        host(arch=""),
        asks("x86_64", "capabilities:cpu_info:arch"),
        "cpu_info:arch: x86_64 is asked for, not known of this host",
        "have cpu_info:arch x86_64",
    ),
    Case(
        "ComputeCapabilitiesFilter",
        host(),
        asks(">= 3", "capabilities:cpu_info:model"),
        "cpu_info:model: >= 3 is asked for, is EPYC, and that cannot be compared",
        "have cpu_info:model >= 3",
    ),
    Case(
        "ComputeCapabilitiesFilter",
        host(),
        asks("46", "hw:maxphysaddr_bits"),
        "cpu_info:maxphysaddr:bits: >= 46 is asked for, not known of this host",
        "have cpu_info:maxphysaddr:bits >= 46",
    ),
    # images
    Case("ImagePropertiesFilter", host(arch=""), request(properties={"os_type": "linux"}), "the image asks for nothing"),
    Case("ImagePropertiesFilter", host(), request(properties={"hw_architecture": "i386", "img_hv_type": "KVM"}), "runs i686, kvm"),
    Case(
        "ImagePropertiesFilter",
        host(),
        request(properties={"hw_architecture": "aarch64"}),
        "hw_architecture: aarch64 is asked for, runs x86_64, i686",
        "run aarch64",
    ),
    Case(
        "ImagePropertiesFilter",
        host(virt_type="qemu"),
        request(properties={"img_hv_type": "kvm"}),
        "img_hv_type: kvm is asked for, runs qemu",
        "run kvm",
    ),
    Case(
        "ImagePropertiesFilter",
        host(),
        request(),
        "hw_architecture: aarch64 is asked for, runs x86_64, i686",
        "run aarch64",
        Options(image_properties_default_architecture="aarch64"),
    ),
    Case(
        "ImagePropertiesFilter",
        host(arch=""),
        request(properties={"hw_vm_mode": "hvm"}),
        "hw_vm_mode: asked for, this host's architecture is not known yet",
        "be seen",
    ),
    Case(
        "ImagePropertiesFilter",
        host(),
        request(properties={"hw_vm_mode": "hvm", "img_hv_requested_version": ">=7.2, <8"}),
        "runs hvm, QEMU 7.2.22",
    ),
    Case(
        "ImagePropertiesFilter",
        host(),
        request(properties={"hw_vm_mode": "hvm", "img_hv_requested_version": ">=8"}),
        "img_hv_requested_version: >=8 is asked for, runs QEMU 7.2.22",
        "run QEMU >=8",
    ),
    # queries
    Case("JsonFilter", host(), request(), "no query"),
    Case("JsonFilter", host(), query(">=", "$free_ram_mb", 8192), 'query: [">=", "$free_ram_mb", 8192], $free_ram_mb is 8192'),
    Case(
        "JsonFilter",
        host(),
        query("and", [">", "$vcpus_total", 8], ["=", "$cpu_info.vendor", "AMD"]),
        'query: ["and", [">", "$vcpus_total", 8], ["=", "$cpu_info.vendor", "AMD"]], $vcpus_total is 8, $cpu_info.vendor is AMD',
        "be what the query asks for",
    ),
    Case("JsonFilter", host(), query("not", ["in", "$host", "n1", "n2"]), 'query: ["not", ["in", "$host", "n1", "n2"]], $host is n1', "be what the query asks for"),
    Case("JsonFilter", host(), query("not", ["in", "$host", "n3"]), 'query: ["not", ["in", "$host", "n3"]], $host is n1'),
    Case("JsonFilter", host(), query("=", "$colour", "red"), 'query: ["=", "$colour", "red"], $colour is None', "be what the query asks for"),
    Case(
        "JsonFilter",
        host(),
        query("~", "$host", "n.*"),
        "query: [\"~\", \"$host\", \"n.*\"] cannot be answered: '~' is none of =, <, >, <=, >=, in, not, and, or",
        "be asked what can be answered",
    ),
    Case(
        "JsonFilter",
        host(),
        query("<", "$host", 3),
        "query: [\"<\", \"$host\", 3] cannot be answered: '<' not supported between instances of 'str' and 'int'",
        "be asked what can be answered",
    ),
    # NUMA nodes and PCI devices
    Case("NUMATopologyFilter", host(cells=()), request(), "no NUMA nodes asked for"),
    Case("NUMATopologyFilter", host(), request(CELLS), "NUMA: needs 1 vcpus and 512 MiB + 1 vcpus and 512 MiB; on nodes 0, 1"),
    Case(
        "NUMATopologyFilter",
        host(cells=()),
        request(CELLS),
        "NUMA: needs 1 vcpus and 512 MiB + 1 vcpus and 512 MiB; this host's nodes are not known",
        "be seen with NUMA nodes",
    ),
    Case(
        "NUMATopologyFilter",
        host(),
        request({"hw:numa_nodes": "4"}, vcpus=4),
        f"NUMA: needs {' + '.join(['1 vcpus and 256 MiB'] * 4)}; free is node 0 4 vcpus and 4096 MiB, node 1 4 vcpus and 4096 MiB",
        "2 more NUMA nodes",
    ),
    Case(
        "NUMATopologyFilter",
        host(resident(specs={"hw:numa_nodes": "1"}, cells=(1,)), cpu_allocation_ratio=1.0),
        request(CELLS, vcpus=8, ram=2048),
        "NUMA: needs 4 vcpus and 1024 MiB + 4 vcpus and 1024 MiB; free is node 0 4 vcpus and 4096 MiB, node 1 2 vcpus and 3072 MiB",
        "2 NUMA nodes with room",
    ),
    Case("PciPassthroughFilter", host(), request(), "no PCI devices asked for"),
    Case(
        "PciPassthroughFilter",
        host(resident(devices=(Device("gpu", "0000:81:00.0"),)), pci_devices={"gpu": ("0000:81:00.0", "0000:82:00.0")}),
        asks("gpu:1", "pci_passthrough:alias"),
        "PCI devices: gpu: needs 1, 1 of 2 free",
    ),
    Case(
        "PciPassthroughFilter",
        host(resident(devices=(Device("gpu", "0000:81:00.0"),)), pci_devices={"gpu": ("0000:81:00.0", "0000:82:00.0")}),
        asks("gpu:2, nic:1", "pci_passthrough:alias"),
        "PCI devices: gpu: needs 2, 1 of 2 free; nic: needs 1, 0 of 0 free",
        "1 more gpu, 1 more nic",
    ),
)  # fmt: skip
CLAIMS = (
    Case("vcpus", host(resident()), request(vcpus=8), "vcpus: needs 8, 30 of 32 free"),
    Case("vcpus", host(resident(), cpu_allocation_ratio=1.0), request(vcpus=8), "vcpus: needs 8, 6 of 8 free", "2 more vcpus"),
    Case("vcpus", host(), request(vcpus=9), "vcpus: needs 9, 32 of 32 free, at most 8 for one instance", "1 more vcpus"),
    Case("ram", host(resident()), request(ram=7168), "memory: needs 7168 MiB, 7168 of 8192 free"),
    Case("ram", host(resident()), request(ram=7169), "memory: needs 7169 MiB, 7168 of 8192 free", "1 MiB more memory"),
    Case("disk", host(resident()), request(disk=90), "disk: needs 90 GiB, 90 of 100 free"),
    Case("disk", host(resident()), request(disk=91), "disk: needs 91 GiB, 90 of 100 free", "1 GiB more disk"),
    Case("availability zone", host(), request(), "availability zone: is nova"),
    Case("availability zone", host(availability_zone="east"), request(availability_zone="east"), "availability zone: is east"),
    Case("availability zone", host(), request(availability_zone="east"), "availability zone: is nova, not east", "be in zone east"),
)  # fmt: skip


def of(cases: tuple[Case, ...]) -> list[object]:
    return [
        pytest.param(case, id=f"{name}-{number}")
        for name, each in itertools.groupby(cases, lambda case: case.filter)
        for number, case in enumerate(each)
    ]


@pytest.mark.parametrize("case", [*of(CASES), *of(CLAIMS)])
def test_the_verdict(case: Case) -> None:
    found = next(each for each in rooms.filters_of(Options(enabled_filters=rooms.names(filters))) if case.filter == each.NAME)
    verdict = found.judge(case.state, case.request, case.options)
    assert (verdict.fits, verdict.why, verdict.change) == (not case.change, case.why, case.change)
    assert (verdict.cost > 0) == bool(case.change)


@pytest.mark.parametrize(
    ("name", "state", "wish", "cost"),
    [
        ("ram", host(resident()), request(ram=8192), 1024 / 8192),
        ("disk", host(), request(disk=150), 0.5),
        ("vcpus", host(), request(vcpus=10), 2 / 32),
        ("vcpus", host(vcpus=0), request(), 2),
        ("IoOpsFilter", host(io_ops=9), request(), 2 / 8),
        ("ServerGroupAntiAffinityFilter", host(*(resident(name, server_group="quorum") for name in "abc")), request(group=APART), 3),
        ("DifferentHostFilter", host(), request(scheduler_hints={"different_host": "a,b"}, homes={"a": "n1", "b": "n1"}), 2),
        ("PciPassthroughFilter", host(), asks("gpu:2,nic:1", "pci_passthrough:alias"), 3),
        ("ComputeFilter", host(disabled="new fan"), request(), 1),
    ],
)
def test_what_a_change_costs(name: str, state: HostState, wish: Request, cost: float) -> None:
    """By which the nearest host is found: parts of what it has, or how many things have to be decided."""
    found = next(each for each in rooms.filters_of(Options(enabled_filters=rooms.names(filters))) if name == each.NAME)
    assert found.judge(state, wish, Options()).cost == cost


@pytest.mark.parametrize("name", sorted({*rooms.names(filters)} - {"AllHostsFilter"}))
def test_each_filter_has_cases_of_both_kinds(name: str) -> None:
    assert {bool(case.change) for case in CASES if case.filter == name} == {True, False}


def test_nova_s_filters_are_all_there() -> None:
    """Those of nova 34.0.0, and its default ones in its order."""
    assert len(rooms.names(filters)) == 22
    assert [each.NAME for each in rooms.filters_of(Options())][len(rooms.names(prefilters)) :] == [
        "ComputeFilter",
        "ComputeCapabilitiesFilter",
        "ImagePropertiesFilter",
        "ServerGroupAntiAffinityFilter",
        "ServerGroupAffinityFilter",
    ]


@pytest.mark.parametrize("name", rooms.names(filters))
def test_a_host_of_which_nothing_is_known_is_judged_without_error(name: str) -> None:
    """A host that never answered is judged as well: explain tells of all hosts."""
    (found,) = (each for each in rooms.filters_of(Options(enabled_filters=(name,))) if name == each.NAME)
    unknown = host(**{field: getattr(NOWHERE, field) for field in Capacity.__dataclass_fields__})
    asking = request(
        {**CELLS, "pci_passthrough:alias": "gpu:1", "capabilities:cpu_info:arch": "x86_64"},
        properties={"hw_architecture": "x86_64", "img_hv_requested_version": ">=7"},
        scheduler_hints={"query": '[">", "$hypervisor_version", 7]', "build_near_host_ip": "192.0.2.1"},
    )
    assert found.judge(unknown, asking, Options()).why
