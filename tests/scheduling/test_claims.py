"""What a host has room for, as Placement counts it, and what is free there, as Nova's weighers see it."""

from __future__ import annotations

from types import ModuleType

import pytest
from msgspec.structs import replace

from orchestrator.model.desired import Flavor, InstanceRequest
from orchestrator.model.host import Capacity, Host
from orchestrator.model.scheduler import Options
from orchestrator.scheduling.host_state import HostState, Request
from orchestrator.scheduling.prefilters import disk, ram, vcpus

HOST = Host("n1", "192.0.2.11", reserved_memory_mb=512, ram_allocation_ratio=2.0, cpu_allocation_ratio=4.0, disk_allocation_ratio=2.0)
STATE = HostState(HOST, Capacity("machine", "boot", 4, 4096, 100, 100, "qemu"))


def fits(room: ModuleType, state: HostState, **flavor: int) -> bool:
    wish = Flavor("wish", **{"vcpus": 1, "ram": 64, "disk": 0, **flavor})
    found: bool = room.judge(state, Request(InstanceRequest("new", "wish", "cirros", ("n1",)), wish), Options()).fits
    return found


@pytest.mark.parametrize(
    ("room", "word", "most", "used"),
    [(vcpus, "vcpus", 4, 12), (ram, "ram", 4096, 3072), (disk, "disk", 100, 100)],
)
def test_one_instance_gets_at_most_what_the_host_has_and_all_together_what_the_ratio_allows(
    room: ModuleType, word: str, most: int, used: int
) -> None:
    assert fits(room, STATE, **{word: most})
    assert not fits(room, STATE, **{word: most + 1}), "max_unit is the total, whatever the ratio"
    assert fits(room, replace(STATE, **{word: used}), **{word: most}), "exactly full"
    assert not fits(room, replace(STATE, **{word: used + 1}), **{word: most})


def test_what_is_not_asked_for_fits_a_host_that_is_over_full() -> None:
    full = replace(STATE, disk=500)
    assert fits(disk, full, disk=0)
    assert not fits(disk, full, disk=1)


def test_free_memory_and_disk_are_what_is_left_of_the_real_amount_and_vcpus_of_the_allocatable() -> None:
    loaded = replace(STATE, ram=1024, disk=30, vcpus=3)
    assert (loaded.free_ram, loaded.free_disk, loaded.free_vcpus) == (4096 - 512 - 1024, 70, 4 * 4.0 - 3)
