"""Where a guest's NUMA nodes go, and which PCI devices a guest gets."""

from __future__ import annotations

import pytest

from orchestrator.model import errors
from orchestrator.model.desired import Flavor
from orchestrator.model.host import Cell, Host
from orchestrator.model.instance import Device
from orchestrator.rendering import topology
from orchestrator.scheduling import numa, pci
from tests.scheduling.samples import host, resident

FOUR = tuple(Cell(node, tuple(range(node * 4, node * 4 + 4)), 4096) for node in range(4))
UNEVEN = {"hw:numa_nodes": "2", "hw:numa_cpus.0": "0", "hw:numa_mem.0": "3000", "hw:numa_cpus.1": "1-3", "hw:numa_mem.1": "1000"}


def flavor(vcpus: int, ram: int, **specs: str) -> Flavor:
    return Flavor("big", vcpus, ram, 10, extra_specs=specs)


def nodes(count: int, vcpus: int, ram: int) -> Flavor:
    return flavor(vcpus, ram, **{"hw:numa_nodes": str(count)})


@pytest.mark.parametrize(
    ("there", "wish", "places"),
    [
        ((), flavor(2, 1024), ()),
        ((), nodes(1, 2, 1024), (0,)),
        ((), nodes(2, 4, 2048), (0, 1)),
        ((), nodes(4, 4, 4096), (0, 1, 2, 3)),
        ((), nodes(5, 5, 5120), None),
        ((0,), nodes(1, 2, 1024), (1,)),  # the emptiest first
        ((0, 1, 1), nodes(3, 6, 3072), (2, 3, 0)),
        ((2,), nodes(4, 4, 4096), (0, 1, 2, 3)),  # all are needed: as they come
        ((), nodes(1, 5, 1024), None),  # more processors than any node has, whatever the ratio
        ((), nodes(1, 4, 4097), None),
        ((0, 1, 2, 3), nodes(4, 16, 4096), None),  # 2 + 4 of 4, at a ratio of 1
    ],
)
def test_where_nodes_go(there: tuple[int, ...], wish: Flavor, places: tuple[int, ...] | None) -> None:
    residents = [resident(f"i{number}", {"hw:numa_nodes": "1"}, cells=(node,)) for number, node in enumerate(there)]
    assert numa.fit(host(*residents, cells=FOUR, cpu_allocation_ratio=1.0), wish) == places


def test_ratios_hold_for_each_node() -> None:
    full = [resident(f"i{number}", {"hw:numa_nodes": "2"}, cells=(0, 1)) for number in range(4)]
    two = FOUR[:2]
    assert numa.fit(host(*full, cells=two, cpu_allocation_ratio=2.0), nodes(1, 4, 1024)) == (0,)
    assert numa.fit(host(*full, cells=two, cpu_allocation_ratio=1.0), nodes(1, 1, 1024)) is None
    assert numa.fit(host(*full, cells=two), nodes(1, 1, 2048)) == (0,)
    assert numa.fit(host(*full, cells=two), nodes(1, 1, 2049)) is None
    assert numa.fit(host(*full, cells=two, ram_allocation_ratio=1.5), nodes(1, 1, 4096)) == (0,)


def test_no_node_of_a_guest_is_larger_than_the_host_s_whatever_the_ratio() -> None:
    roomy = host(cells=FOUR[:2], cpu_allocation_ratio=4.0, ram_allocation_ratio=2.0)
    assert numa.fit(roomy, nodes(1, 4, 4096)) == (0,)
    assert numa.fit(roomy, nodes(1, 5, 1024)) is None
    assert numa.fit(roomy, nodes(1, 1, 4097)) is None


def test_an_unevenly_split_guest_goes_where_each_of_its_nodes_has_room() -> None:
    wish = flavor(4, 4000, **UNEVEN)
    small, large = Cell(0, (0, 1, 2, 3), 2048), Cell(1, (4, 5, 6, 7), 4096)
    assert numa.fit(host(cells=(small, large)), wish) == (1, 0)
    assert numa.fit(host(cells=(small, small)), wish) is None
    assert numa.fit(host(cells=(small, large)), nodes(1, 1, 512)) == (1,), "of nodes as busy as each other, that with more memory left"


def test_many_nodes_are_not_tried_in_every_order() -> None:
    """12 nodes, one of them full: there are 479,001,600 orders."""
    many = tuple(Cell(node, (node,), 1024) for node in range(12))
    full = resident("a", {"hw:numa_nodes": "1"}, cells=(11,))
    assert numa.fit(host(full, cells=many), nodes(12, 12, 12 * 1024)) is None
    assert numa.fit(host(full, cells=many), nodes(11, 11, 11 * 1024)) == tuple(range(11))


def test_what_instances_without_nodes_use_counts_for_none() -> None:
    usage = numa.usage(host(resident(), resident("b", {"hw:numa_nodes": "1"}, cells=(3,)), cells=FOUR))
    assert [(each.cpus, each.memory) for each in usage] == [(0, 0), (0, 0), (0, 0), (2, 1024)]


def aliases(text: str) -> Flavor:
    return flavor(1, 64, **{pci.KEY: text})


GPUS = {"gpu": ("0000:81:00.0", "0000:82:00.0"), "nic": ("0000:01:00.0",)}


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("gpu:1", ["0000:81:00.0"]),
        ("gpu:2", ["0000:81:00.0", "0000:82:00.0"]),
        (" nic : 1, gpu:1 ", ["0000:01:00.0", "0000:81:00.0"]),
        ("gpu:1,gpu:1", ["0000:81:00.0", "0000:82:00.0"]),
        ("gpu:1,gpu:2", None),
        ("gpu:3", None),
        ("gpu:1,tpu:1", None),
    ],
)
def test_which_devices(text: str, addresses: list[str] | None) -> None:
    chosen = pci.choose(host(pci_devices=GPUS), aliases(text))
    assert (None if chosen is None else [each.address for each in chosen]) == addresses


def test_no_device_is_given_twice() -> None:
    state = host(resident(devices=(Device("gpu", "0000:81:00.0"),)), pci_devices=GPUS)
    assert pci.free(state) == {"gpu": ("0000:82:00.0",), "nic": ("0000:01:00.0",)}
    assert pci.choose(state, aliases("gpu:1")) == (Device("gpu", "0000:82:00.0"),)
    assert pci.choose(state, aliases("gpu:2")) is None
    assert pci.choose(host(), flavor(1, 64)) == ()


@pytest.mark.parametrize("text", ["gpu", "gpu:0", "gpu:-1", "gpu:1,", ":1", "gpu:1:2"])
def test_what_is_no_list_of_aliases(text: str) -> None:
    with pytest.raises(errors.SpecError, match="is no list of alias:number"):
        pci.wanted(aliases(text))


def test_many_nodes_of_which_one_is_short_are_no_riddle(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, holds = [], numa.holds

    def counted(node: numa.Usage, cell: topology.Cell, where: Host) -> bool:
        asked.append(node)
        return holds(node, cell, where)

    monkeypatch.setattr(numa, "holds", counted)
    short = tuple(Cell(node, (node,), 4096 if node < 15 else 100) for node in range(16))
    assert numa.fit(host(cells=short), nodes(16, 16, 16 * 1024)) is None
    assert len(asked) <= 16 * 16
