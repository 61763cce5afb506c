"""What each filter says of a host: whether it fits, with the numbers, and what would make it fit."""

from __future__ import annotations

import itertools

import pytest

from orchestrator.model.host import Capacity
from orchestrator.model.scheduler import Options
from orchestrator.scheduling import filters, prefilters, rooms
from orchestrator.scheduling.host_state import HostState, Request
from orchestrator.scheduling.place import NOWHERE
from tests.scheduling import filter_cases, spec_cases
from tests.scheduling.filter_cases import APART, CELLS, Case, asks
from tests.scheduling.samples import host, request, resident

CASES = (*filter_cases.CASES, *spec_cases.CASES)
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
    unknown = host(**{field: getattr(NOWHERE, field) for field in Capacity.__struct_fields__})
    asking = request(
        {**CELLS, "pci_passthrough:alias": "gpu:1", "capabilities:cpu_info:arch": "x86_64"},
        properties={"hw_architecture": "x86_64", "img_hv_requested_version": ">=7"},
        scheduler_hints={"query": '[">", "$hypervisor_version", 7]', "build_near_host_ip": "192.0.2.1"},
    )
    assert found.judge(unknown, asking, Options()).why
