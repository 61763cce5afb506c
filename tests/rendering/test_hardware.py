"""Flavor and image weighed against each other, as Nova weighs them: the flavor's word is the rule, the image's a wish within it."""

from __future__ import annotations

import pytest

from orchestrator.model.desired import Flavor, Image
from orchestrator.rendering import hardware, topology

NOTHING: dict[str, str] = {}


def made(vcpus: int, specs: dict[str, str], wishes: dict[str, str]) -> tuple[int, int, int]:
    """Sockets, cores and threads."""
    found = hardware.of(Flavor("f", vcpus, 512, 1, extra_specs=specs), Image("i", "", "", properties=wishes)).cpu
    return found.sockets, found.cores, found.threads


@pytest.mark.parametrize(
    ("vcpus", "specs", "wishes", "found"),
    [
        (4, NOTHING, NOTHING, (4, 1, 1)),
        (4, {"hw:cpu_cores": "2"}, NOTHING, (2, 2, 1)),
        (4, {"hw:cpu_threads": "2"}, NOTHING, (2, 1, 2)),
        (8, {"hw:cpu_sockets": "2", "hw:cpu_cores": "2", "hw:cpu_threads": "2"}, NOTHING, (2, 2, 2)),
        (4, {"hw:cpu_max_sockets": "2"}, NOTHING, (2, 2, 1)),
        (6, {"hw:cpu_max_sockets": "2", "hw:cpu_max_cores": "2"}, NOTHING, (2, 1, 3)),
        (4, {"hw:cpu_sockets": "4"}, {"hw_cpu_cores": "4"}, (1, 4, 1)),  # any wish of the image's puts the flavor's aside
        (4, {"hw:cpu_sockets": "4"}, {"hw_cpu_max_sockets": "1"}, (1, 4, 1)),  # a lower limit does, too
        (4, {"hw:cpu_max_sockets": "2"}, {"hw_cpu_max_sockets": "1"}, (1, 4, 1)),
        (1_000_003, {"hw:cpu_max_threads": "1"}, NOTHING, (1_000_003, 1, 1)),
    ],
)
def test_topology(vcpus: int, specs: dict[str, str], wishes: dict[str, str], found: tuple[int, int, int]) -> None:
    assert made(vcpus, specs, wishes) == found


@pytest.mark.parametrize(
    ("specs", "wishes", "key"),
    [
        ({"hw:cpu_sockets": "3"}, NOTHING, "hw:cpu_sockets"),
        ({"hw:cpu_sockets": "2", "hw:cpu_cores": "1", "hw:cpu_threads": "1"}, NOTHING, "hw:cpu_sockets"),
        ({"hw:cpu_max_sockets": "2"}, {"hw_cpu_max_sockets": "4"}, "hw_cpu_max_sockets"),
        ({"hw:cpu_max_sockets": "2"}, {"hw_cpu_sockets": "4"}, "hw_cpu_sockets"),
        (NOTHING, {"hw_mem_page_size": "large"}, "hw_mem_page_size"),
        ({"hw:mem_page_size": "2048"}, {"hw_mem_page_size": "1GB"}, "hw_mem_page_size"),
        ({"hw:mem_page_size": "large"}, {"hw_mem_page_size": "small"}, "hw_mem_page_size"),
        ({"hw:mem_page_size": "1GB"}, NOTHING, "hw:mem_page_size"),
    ],
)
def test_what_does_not_go_together_is_named(specs: dict[str, str], wishes: dict[str, str], key: str) -> None:
    with pytest.raises(topology.UnfitError) as caught:
        made(4, specs, wishes)
    assert caught.value.key == key
    assert caught.value.why


@pytest.mark.parametrize(
    ("rule", "wish", "pages"),
    [
        (None, None, None),
        ("small", None, None),
        ("any", None, None),
        ("4", None, None),
        ("any", "large", 0),
        ("any", "2MB", 2048),
        ("large", None, 0),
        ("large", "2048", 2048),
        ("2MB", "2048", 2048),
    ],
)
def test_pages(rule: str | None, wish: str | None, pages: int | None) -> None:
    specs = {"hw:mem_page_size": rule} if rule else {}
    wishes = {"hw_mem_page_size": wish} if wish else {}
    assert hardware.of(Flavor("f", 1, 512, 1, extra_specs=specs), Image("i", "", "", properties=wishes)).pages == pages


def test_the_images_watchdog_counts_before_the_flavors() -> None:
    flavor = Flavor("f", 1, 512, 1, extra_specs={"hw:watchdog_action": "reset"})
    assert hardware.of(flavor, Image("i", "", "", properties={"hw_watchdog_action": "disabled"})).watchdog is None
    assert hardware.of(flavor, Image("i", "", "")).watchdog == "reset"


DISKS = ("vda", "vdb", "vdc", "vdd", "vde")


@pytest.mark.parametrize(
    ("bus", "machine", "most"),
    [
        *(("virtio", "pc", 5), ("scsi", "pc", 5), ("ide", "pc", 3), ("sata", "pc", 5)),
        *(("virtio", "q35", 5), ("scsi", "q35", 5), ("sata", "q35", 5)),
    ],
)
def test_a_config_drive_never_takes_a_disks_name(bus: str, machine: str, most: int) -> None:
    found = hardware.of(Flavor("f", 1, 512, 1), Image("i", "", "", properties={"hw_disk_bus": bus, "hw_machine_type": machine}))
    for count in range(most + 1):
        assert found.cdrom(DISKS[:count]).device not in {found.device(name) for name in DISKS[:count]}


@pytest.mark.parametrize(("count", "device"), [(0, "hdc"), (1, "hdc"), (2, "hdc"), (3, "hdd")])
def test_a_cdrom_is_second_on_its_channel_only_beside_a_first(count: int, device: str) -> None:
    found = hardware.of(Flavor("f", 1, 512, 1), Image("i", "", "", properties={"hw_disk_bus": "ide"}))
    assert found.cdrom(DISKS[:count]).device == device
