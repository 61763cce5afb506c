"""How often hosts are looked at: whatever is likely to be needed is read in one look, and what comes of it is what two looks would have told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from orchestrator.commands.command import Batch
from orchestrator.commands.command import Record as Answer
from orchestrator.model.desired import Network
from orchestrator.model.host import Host
from orchestrator.services import apply, likely, plan
from tests.fakes.state import Link, Switch
from tests.scenarios.conftest import Site, build

NOTHING: object = (set(), {}, False, {})
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


def left(site: Site) -> dict[str, object]:
    """What there is of ours on hosts."""
    return {
        name: (host.links.keys() - {"lo", "eth0"}, host.domains, "orc" in str(host.filters), host.sets)
        for name, host in site.fleet.hosts.items()
    }


def test_the_last_instances_go_with_what_they_shared_in_one_job(site: Site) -> None:
    site.apply("a", "b", "c")
    assert trips(site, lambda: site.act("destroy", "a", "b", "c")) == {"n1": 2, "n2": 2}
    assert left(site) == dict.fromkeys(site.fleet.hosts, NOTHING)
    assert trips(site, lambda: site.apply("d")) == {"n1": 2, "n2": 1}


def test_what_is_to_be_absent_goes_as_what_is_destroyed(site: Site) -> None:
    site.apply("a", "b", "c")
    made, _ = plan.plan(site.app, site.desired("a", "b", "c", state="absent"))
    assert [each.fabric.host for each in made.shared] == ["n1", "n2"]  # what goes with them is in the plan
    assert trips(site, lambda: site.apply("a", "b", "c", state="absent")) == {"n1": 2, "n2": 2}
    assert left(site) == dict.fromkeys(site.fleet.hosts, NOTHING)
    assert trips(site, lambda: site.apply("d")) == {"n1": 2, "n2": 1}


def test_absent_ones_go_beside_others_that_come_and_stay(site: Site) -> None:
    site.apply("a", "b", "c", "d")
    gone = [name for name, home in homes(site).items() if home == "n1"]
    wish = site.desired("a", "b", "c", "d", "e")
    wish = replace(wish, instances={name: replace(each, state="absent") if name in gone else each for name, each in wish.instances.items()})
    wish.instances["e"] = replace(wish.instances["e"], hosts=("n2",))
    assert apply.apply(site.app, wish).exit_code == 0
    assert left(site)["n1"] == NOTHING
    assert plan.plan(site.app, wish)[0].empty
    assert trips(site, lambda: apply.apply(site.app, wish)) == {"n1": 0, "n2": 1}


def test_what_was_shared_stays_with_an_absent_one_that_would_not_go(site: Site) -> None:
    site.apply("a", "b", "c", "d")
    one, other = (record.instance for record in site.store.records() if record.instance.host == "n1")
    site.fleet.fail("n1", f"domain-ended {one.uuid}", stderr="error: it hangs")
    report = site.apply(one.name, other.name, state="absent")
    assert {each.name: each.status for each in report.outcomes} == {one.name: "failed", other.name: "changed"}
    told = str(site.fleet.hosts["n1"].filters)
    assert (one.ports[0].id[:11] in told, other.ports[0].id[:11] in told) == (True, False)
    site.fleet.heal("n1")
    assert site.apply(one.name, other.name, state="absent").exit_code == 0
    assert left(site)["n1"] == NOTHING


@pytest.mark.parametrize("driver", ["linuxbridge", "openvswitch"])
def test_bridges_namespaces_and_switches_go_in_that_job_too(site: Site, driver: str) -> None:
    for host in site.fleet.hosts.values():
        host.links["br-phys0"] = Link("", True)
    wish = site.desired("a", "b", "c")
    subnets = tuple(replace(each, dhcp=True) for each in wish.networks["private"].subnets)
    wish = replace(wish, networks={"private": replace(VLAN, driver=driver, subnets=subnets)})
    assert apply.apply(site.app, wish).exit_code == 0
    assert all(host.namespaces for host in site.fleet.hosts.values())
    assert trips(site, lambda: site.act("destroy", "a", "b", "c")) == {"n1": 2, "n2": 2}
    for host in site.fleet.hosts.values():
        assert (host.links.keys() - {"lo", "eth0", "br-phys0"}, host.namespaces, host.switches, "orc" in str(host.filters)) == (
            set(),
            {},
            {},
            False,
        )


def test_those_that_stay_keep_what_they_share(site: Site) -> None:
    site.apply("a", "b", "c", "d")
    gone = [name for name, home in homes(site).items() if home == "n1"][:1]
    assert trips(site, lambda: site.act("destroy", *gone)) == {"n1": 2, "n2": 2}  # the other is told of the group's members
    kept = [record.instance for record in site.store.records()]
    for host in site.fleet.hosts.values():
        taps = {port.tap for instance in kept if instance.host == host.name for port in instance.ports}
        assert {name for name in host.links if name.startswith("tap")} == taps
        told = str(host.filters)
        assert all((port.id[:11] in told) == (instance.host == host.name) for instance in kept for port in instance.ports)
    assert site.apply(*(instance.name for instance in kept)).recap == "0 changed, 3 unchanged, 0 failed"


def test_what_was_shared_stays_with_an_instance_that_would_not_go(site: Site) -> None:
    site.apply("a", "b", "c", "d")
    one, other = (record.instance for record in site.store.records() if record.instance.host == "n1")
    site.fleet.fail("n1", f"domain-ended {one.uuid}", stderr="error: it hangs")
    report = site.act("destroy", one.name, other.name)
    assert {each.name: each.status for each in report.outcomes} == {one.name: "failed", other.name: "changed"}
    told = str(site.fleet.hosts["n1"].filters)
    assert (one.ports[0].id[:11] in told, other.ports[0].id[:11] in told) == (True, False)
    site.fleet.heal("n1")
    assert site.act("destroy", one.name).exit_code == 0
    assert left(site)["n1"] == NOTHING


def test_what_could_not_be_cleared_at_once_is_looked_at_and_cleared(site: Site) -> None:
    site.apply("a", "b")
    site.fleet.fail("n1", "restore-rules", stderr="iptables-restore: Resource temporarily unavailable", times=1)
    assert trips(site, lambda: site.act("destroy", "a", "b")) == {"n1": 4, "n2": 2}
    assert left(site)["n1"] == NOTHING
    assert not any(run.status != "ok" for run in site.store.runs())


def test_what_cannot_be_cleared_is_told(site: Site) -> None:
    site.apply("a", "b")
    site.fleet.fail("n1", "restore-rules", stderr="iptables-restore: no memory")
    report = site.act("destroy", "a", "b")
    assert ({each.status for each in report.outcomes}, [each.host for each in report.hosts if each.status == "failed"]) == (
        {"changed"},
        ["n1"],
    )
    site.fleet.heal("n1")
    site.act("destroy")
    assert left(site)["n1"] == NOTHING


@pytest.mark.parametrize("verb", ["stop", "start", "hard-reboot"])
def test_after_the_work_only_what_it_changed_is_read_again(site: Site, verb: str) -> None:
    """A reboot leaves rules and disks as they are: they were seen to be right before it."""
    site.apply("a", "b")
    if verb == "start":
        site.act("stop", "a", "b")
    real, read = site.fleet.run, set[str]()

    def run(host: Host, batch: Batch, on_record: Callable[[Answer], None]) -> tuple[Answer, ...]:
        if batch.lanes:
            read.update(each.argv[3] if each.argv[0] == "sh" else each.argv[0] for each in batch.reads)
        return real(host, batch, on_record)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(site.fleet, "run", run)
        assert site.act(verb, "a", "b").exit_code == 0
    assert read == {"virsh", "ip", "qemu-processes"}
