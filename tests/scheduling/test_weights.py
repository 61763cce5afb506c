"""How weights are made of what weighers say (nova/weights.py)."""

from __future__ import annotations

import pytest

from orchestrator.model.desired import Flavor, InstanceRequest
from orchestrator.model.host import Aggregate, Capacity, Host
from orchestrator.model.scheduler import Options
from orchestrator.scheduling import pick
from orchestrator.scheduling.host_state import HostState, Request
from orchestrator.scheduling.weighers import ram
from tests.samples import instances


def test_a_host_that_is_over_full_counts_as_one_with_nothing_free() -> None:
    """Else its lack would make the others look alike."""
    free = {"n1": -4000, "n2": 1000, "n3": 2000}
    hosts = {name: Host(name, "192.0.2.1", reserved_memory_mb=0, ram_allocation_ratio=16.0) for name in free}
    states = [
        HostState(hosts[name], Capacity("machine", "boot", 4, 4096, 100, 100, "qemu"), ram=4096 - left) for name, left in free.items()
    ]
    wish = Request(InstanceRequest("new", "tiny", "cirros", tuple(free)), Flavor("tiny", 1, 64, 0))
    decision = pick.Fleet(states, Options()).pick(wish)
    assert [decision.host, *decision.alternates] == ["n3", "n2", "n1"]
    chosen = pick.Fleet(states[:2], Options()).pick(wish)
    assert [(each.raw, each.normalised) for each in chosen.weights if each.weigher == "RAMWeigher"] == [(1000, 1.0)]
    last = pick.Fleet([states[0], states[2]], Options(multipliers={"ram_weight_multiplier": -1.0})).pick(wish)
    assert [(each.raw, each.normalised) for each in last.weights if each.weigher == "RAMWeigher"] == [(0, 0.0)]


def test_hosts_that_never_fitted_take_nothing_from_those_that_do() -> None:
    """The first time that it is asked, as much as later, when others have filled up."""
    disabled = {"n1": "broken", "n4": "broken"}
    hosts = [Host(f"n{each}", "192.0.2.1", reserved_memory_mb=0, disabled=disabled.get(f"n{each}", "")) for each in range(1, 6)]
    fleet = pick.Fleet([HostState(each, Capacity("machine", "boot", 4, 4096, 100, 100, "qemu")) for each in hosts], Options())
    wish = Request(InstanceRequest("new", "large", "cirros", tuple(each.name for each in hosts)), Flavor("large", 1, 4000, 0))
    chosen = []
    for _ in range(3):
        decision = fleet.pick(wish)
        chosen.append([decision.host, *decision.alternates])
        fleet.claim(instances.new(host=decision.host, flavor=wish.flavor))
    assert chosen == [["n2", "n3", "n5"], ["n3", "n5"], ["n5"]]


@pytest.mark.parametrize("text", ["inf", "-inf", "nan", "1e999", "much"])
def test_what_cannot_be_multiplied_by_is_no_multiplier(text: str) -> None:
    host = Host("n1", "n1", aggregates=(Aggregate("a", {"ram_weight_multiplier": text}),))
    assert pick.multiplier(HostState(host, Capacity("m", "b", 1, 1, 1, 1, "kvm")), ram, Options()) == 1
