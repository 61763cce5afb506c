"""What each weigher says of a host, and which host is better for it."""

from __future__ import annotations

import pytest
from msgspec import Struct, field
from msgspec.structs import replace

from orchestrator.model import errors
from orchestrator.model.desired import ServerGroup
from orchestrator.model.host import Capacity
from orchestrator.model.instance import Device
from orchestrator.model.scheduler import MULTIPLIERS, Options
from orchestrator.scheduling import pick, rooms, weighers
from orchestrator.scheduling.host_state import HostState, Request
from orchestrator.scheduling.place import NOWHERE
from tests.samples import instances
from tests.scheduling.samples import IMAGE, aggregate, host, request, resident

NEAR = ServerGroup("pair", "soft-affinity")
APART = ServerGroup("pair", "soft-anti-affinity")
GPUS = {"gpu": ("0000:81:00.0", "0000:82:00.0")}
HEAT = {"heat": -2.0, "noise": 0.5}


def on(**multipliers: float) -> dict[str, float]:
    return {**MULTIPLIERS, **multipliers}


class Case(Struct, frozen=True):
    weigher: str
    state: HostState
    weight: float
    request: Request = field(default_factory=request)
    options: Options = field(default_factory=Options)


SAME = request(properties={"os_distro": "debian", "hw_disk_bus": "scsi"})
MADE_OF = resident(image=replace(instances.image(), properties={"os_distro": "debian", "hw_disk_bus": "virtio"}))
CASES = (
    Case("RAMWeigher", host(resident(), reserved_memory_mb=512, ram_allocation_ratio=2.0), 8192 - 512 - 1024),
    Case("RAMWeigher", host(resident(), reserved_memory_mb=8192), 0),
    Case("CPUWeigher", host(resident(), cpu_allocation_ratio=1.5), 10),
    Case("CPUWeigher", host(resident(), cpu_allocation_ratio=0.1), 0),
    Case("DiskWeigher", host(resident(), disk_allocation_ratio=2.0), 90 * 1024),
    Case("DiskWeigher", host(resident(), disk_gb=5), 0),
    Case("IoOpsWeigher", host(io_ops=3), 3),
    Case("NumInstancesWeigher", host(resident("a"), resident("b")), 2),
    Case("BuildFailureWeigher", host(failed_builds=2), 2),
    Case("HypervisorVersionWeigher", host(), 7002022),
    Case("ServerGroupSoftAffinityWeigher", host(resident(server_group="pair"), resident("b"), resident("c", server_group="web")), 1, request(group=NEAR)),
    Case("ServerGroupSoftAffinityWeigher", host(resident(server_group="pair")), 0, request(group=APART)),
    Case("ServerGroupSoftAffinityWeigher", host(resident(server_group="pair")), 0),
    Case("ServerGroupSoftAntiAffinityWeigher", host(resident(server_group="pair"), resident("b"), resident("c", server_group="web")), -1, request(group=APART)),
    Case("ServerGroupSoftAntiAffinityWeigher", host(resident(server_group="pair")), 0, request(group=NEAR)),
    Case("PCIWeigher", host(), 100),
    Case("PCIWeigher", host(pci_devices=GPUS), 98),
    Case("PCIWeigher", host(resident(devices=(Device("gpu", "0000:82:00.0"),)), pci_devices=GPUS), 99),
    Case("PCIWeigher", host(pci_devices={"vf": tuple(f"0000:81:{each:02x}.0" for each in range(200))}), 1),
    Case("ImagePropertiesWeigher", host(MADE_OF, MADE_OF), 0, SAME),
    Case("ImagePropertiesWeigher", host(MADE_OF, MADE_OF), 2, SAME, Options(multipliers=on(image_props_weight_multiplier=1.0))),
    Case(
        "ImagePropertiesWeigher",
        host(MADE_OF, MADE_OF),
        5,
        SAME,
        Options(multipliers=on(image_props_weight_multiplier=1.0), image_props_weight_setting={"os_distro": 2.5}),
    ),
    Case(
        "ImagePropertiesWeigher",
        host(MADE_OF, MADE_OF),
        0,
        SAME,
        Options(multipliers=on(image_props_weight_multiplier=1.0), image_props_weight_setting={"hw_disk_bus": 2.5}),
    ),
    Case("MetricsWeigher", host(metrics={"heat": 40.0}), 0),
    Case("MetricsWeigher", host(metrics={"heat": 40.0, "noise": 10.0}), -75, options=Options(metrics_weight_setting=HEAT)),
    Case(
        "MetricsWeigher",
        host(metrics={"heat": 40.0}),
        -10000,
        options=Options(metrics_weight_setting=HEAT, metrics_required=False),
    ),
    Case(
        "MetricsWeigher",
        host(metrics={"heat": 40.0}),
        -80,
        options=Options(metrics_weight_setting={"heat": -2.0, "noise": 0.0}, metrics_required=False),
    ),
    Case(
        "MetricsWeigher",
        host(metrics={"heat": 40.0}, aggregates=(aggregate(metrics_weight_multiplier="0"),)),
        -80,
        options=Options(metrics_weight_setting=HEAT, metrics_required=False),
    ),
)  # fmt: skip


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{case.weigher}-{number}") for number, case in enumerate(CASES)])
def test_the_weight(case: Case) -> None:
    weigher = next(each for each in rooms.weighers_of(Options()) if case.weigher == each.NAME)
    assert pick.value(case.state, weigher, case.request, case.options) == case.weight


@pytest.mark.parametrize("name", rooms.names(weighers))
def test_each_weigher_has_cases(name: str) -> None:
    assert {bool(case.weight) for case in CASES if case.weigher == name} & {True}


def test_nova_s_weighers_are_all_there() -> None:
    """Those of nova 34.0.0 in the order of its files, but CrossCellWeigher: there are no cells here. Each has an option of its own."""
    assert rooms.names(weighers) == (
        "ServerGroupSoftAffinityWeigher",
        "ServerGroupSoftAntiAffinityWeigher",
        "BuildFailureWeigher",
        "CPUWeigher",
        "DiskWeigher",
        "HypervisorVersionWeigher",
        "ImagePropertiesWeigher",
        "IoOpsWeigher",
        "MetricsWeigher",
        "NumInstancesWeigher",
        "PCIWeigher",
        "RAMWeigher",
    )
    assert sorted(each.MULTIPLIER for each in rooms.weighers_of(Options())) == sorted(MULTIPLIERS)


@pytest.mark.parametrize("name", rooms.names(weighers))
def test_a_host_of_which_nothing_is_known_is_weighed_without_error(name: str) -> None:
    unknown = host(**{word: getattr(NOWHERE, word) for word in Capacity.__struct_fields__})
    weigher = next(each for each in rooms.weighers_of(Options()) if name == each.NAME)
    assert pick.value(unknown, weigher, request(group=NEAR), Options(metrics_weight_setting=HEAT, metrics_required=False)) <= 100


def test_a_metric_that_is_required_and_not_known_is_an_error() -> None:
    """As in Nova: MetricsFilter is what keeps such hosts out."""
    options = Options(metrics_weight_setting=HEAT)
    with pytest.raises(errors.Conflict, match="metric 'heat' of host n1 is not known"):
        pick.Fleet([host(), host(name="n2")], options).pick(request())


@pytest.mark.parametrize(
    ("better", "worse", "wish", "options"),
    [
        ({}, {"failed_builds": 1, "memory_mb": 65536}, request(), Options()),
        ({}, {"io_ops": 1}, request(), Options()),
        ({}, {"pci_devices": GPUS}, request(), Options()),
        ({"hypervisor_version": 8000000}, {}, request(), Options()),
        ({"metrics": {"heat": 1.0}}, {"metrics": {"heat": 2.0}}, request(), Options(metrics_weight_setting={"heat": -1.0})),
        ({"vcpus": 9}, {}, request(), Options()),
        ({}, {"vcpus": 9}, request(), Options(multipliers=on(cpu_weight_multiplier=-1.0))),
        ({"vcpus": 9, "memory_mb": 8000}, {}, request(), Options(multipliers=on(cpu_weight_multiplier=3.0))),
    ],
)
def test_the_better_host_is_chosen(better: dict[str, object], worse: dict[str, object], wish: Request, options: Options) -> None:
    """Whichever name it has: of equals, the first by name wins."""
    for names in (("n1", "n2"), ("n2", "n1")):
        fleet = pick.Fleet([host(name=names[0], **better), host(name=names[1], **worse)], options)
        assert fleet.pick(wish).host == names[0]


def test_members_of_soft_groups_go_together_or_apart_until_something_else_weighs_more() -> None:
    there = resident(server_group="pair")
    for group, chosen in ((NEAR, "n2"), (APART, "n1")):
        fleet = pick.Fleet([host(name="n1"), host(there, name="n2", memory_mb=9216, vcpus=10, disk_gb=110)], Options())
        assert fleet.pick(request(group=group)).host == chosen
    full = host(replace(there, flavor=replace(there.flavor, ram=8000)), name="n2")
    assert pick.Fleet([host(name="n1"), full], Options()).pick(request(group=NEAR)).host == "n1"


def test_an_aggregate_s_multiplier_counts_for_its_hosts_the_least_of_several() -> None:
    packed = (aggregate("a", ram_weight_multiplier="2"), aggregate("b", ram_weight_multiplier=" -1 "))
    weigher = next(each for each in rooms.weighers_of(Options()) if each.NAME == "RAMWeigher")
    assert pick.multiplier(host(aggregates=packed), weigher, Options()) == -1.0
    assert pick.multiplier(host(aggregates=(*packed, aggregate("c", ram_weight_multiplier="much"))), weigher, Options()) == 1.0
    failures = next(each for each in rooms.weighers_of(Options()) if each.NAME == "BuildFailureWeigher")
    assert pick.multiplier(host(), failures, Options()) == -1_000_000.0
    assert pick.multiplier(host(aggregates=(aggregate(build_failure_weight_multiplier="5"),)), failures, Options()) == -5.0


def test_an_image_s_own_spelling_does_not_matter() -> None:
    weigher = next(each for each in rooms.weighers_of(Options()) if each.NAME == "ImagePropertiesWeigher")
    there = resident(image=replace(IMAGE, properties={"hw_architecture": "amd64"}))
    options = Options(multipliers=on(image_props_weight_multiplier=1.0))
    assert pick.value(host(there), weigher, request(properties={"hw_architecture": "x86_64"}), options) == 1.0
