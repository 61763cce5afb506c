"""How often hosts are looked at: whatever is likely to be needed is read in one look, and what comes of it is what two looks would have told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from orchestrator.model.desired import Network
from orchestrator.services import likely, plan
from tests.fakes.state import Link, Switch
from tests.scenarios.conftest import Site, build

VLAN = Network("private", "phys0", "vlan", segmentation_id=100)


def trips(site: Site, work: Callable[[], object]) -> dict[str, int]:
    """Round trips that it takes, by host."""
    before = {name: host.trips for name, host in site.fleet.hosts.items()}
    work()
    return {name: host.trips - before[name] for name, host in site.fleet.hosts.items()}


def homes(site: Site) -> dict[str, str]:
    return {record.instance.name: record.instance.host for record in site.store.records()}


def test_hosts_that_nobody_ever_saw_are_looked_at_once_before_the_work(site: Site) -> None:
    assert trips(site, lambda: plan.plan(site.app, site.desired("a", "b", "c"))) == {"n1": 1, "n2": 1}
    assert trips(site, lambda: site.apply("a", "b", "c")) == {"n1": 2, "n2": 2}


def test_a_new_instance_beside_others_takes_one_look(site: Site) -> None:
    site.apply("a", "b")
    assert trips(site, lambda: site.apply("a", "b", "c")) == {"n1": 2, "n2": 2}  # each is told of the group's members


def test_where_a_host_is_not_what_it_was_the_instance_goes_where_it_belongs(site: Site) -> None:
    """The guess is n1 still; the look says otherwise, and n2 is asked for what the instance will find there."""
    site.apply("a", "b")
    site.fleet.hosts["n1"].memory_mb = 1024
    assert trips(site, lambda: site.apply("a", "b", "c")) == {"n1": 2, "n2": 3}
    assert homes(site) == {"a": "n1", "b": "n2", "c": "n2"}


def test_a_guess_changes_no_plan(tmp_path: Path) -> None:
    """Hosts of all sizes, of which one more is known each time."""
    names = tuple("abcdefghijkl")
    plans = []
    for guess in (likely.keys, lambda *_: {}):
        (folder := tmp_path / str(len(plans))).mkdir()
        site = build(folder, "n1", "n2", "n3", "n4")
        for number, host in enumerate(site.fleet.hosts.values()):
            host.memory_mb -= 3000 * (number % 3)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(likely, "keys", guess)
            found = []
            for number in range(1, len(names)):
                site.fleet.hosts["n2"].memory_mb += 1000
                made, _ = plan.plan(site.app, site.desired(*names[:number], hosts=tuple(f"n{1 + each % 4}" for each in range(number))))
                found.append([(placement.instance.host, placement.decision) for placement in made.placements])
                site.apply(*names[:number])
        plans.append(found)
        site.store.close()
    assert plans[0] == plans[1]


@pytest.mark.parametrize(
    "device", [Link("", True), Link("bridge", True), Link("tun", True), None], ids=["interface", "bridge", "switch", "nothing"]
)
@pytest.mark.parametrize(
    "network", [Network("private", "phys0"), VLAN, replace(VLAN, driver="openvswitch")], ids=["flat", "vlan", "switched"]
)
def test_whatever_a_physical_network_leads_to_one_look_tells(site: Site, device: Link | None, network: Network) -> None:
    for host in site.fleet.hosts.values():
        host.links |= {"br-phys0": replace(device)} if device else {}
        host.switches = {"br-phys0": Switch("netdev")} if device and device.kind == "tun" else {}
    wish = site.desired("a", "b", "c")
    wish = replace(wish, networks={"private": replace(network, subnets=wish.networks["private"].subnets)})
    assert trips(site, lambda: plan.plan(site.app, wish)) == {"n1": 1, "n2": 1}
