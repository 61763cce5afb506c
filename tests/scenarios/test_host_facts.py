"""What libvirt says of hosts is asked when it may have changed, and at no other time."""

from __future__ import annotations

from msgspec import structs

from orchestrator.model.host import Cell
from orchestrator.ports.writes import Seen
from orchestrator.services import plan
from tests.scenarios.conftest import Site


def test_a_host_is_known_whole_from_its_first_look_on(site: Site) -> None:
    site.fleet.hosts["n1"].cells = 2
    assert site.apply("a").trips == {"n1": 2, "n2": 1}
    seen = site.store.capacities()["n1"]
    assert (seen.arch, seen.hypervisor_version, seen.cpu_model, seen.cpu_vendor) == ("x86_64", 7002022, "Skylake-Server", "Intel")
    assert seen.cpu_features == ("aes", "avx2")
    assert seen.cells == (Cell(0, (0, 1, 2, 3), 8192), Cell(1, (4, 5, 6, 7), 8192))


def test_an_unchanged_apply_does_not_ask(site: Site) -> None:
    site.apply("a", "b")
    before = site.store.capacities()
    site.fleet.fail("n1", "capabilities")
    site.fleet.fail("n2", "capabilities")
    trips = {name: host.trips for name, host in site.fleet.hosts.items()}
    assert site.apply("a", "b").recap == "0 changed, 2 unchanged, 0 failed"
    assert {name: host.trips - trips[name] for name, host in site.fleet.hosts.items()} == {"n1": 1, "n2": 1}
    assert site.store.capacities() == before


def test_a_host_that_booted_is_asked_again_in_a_trip_of_its_own(site: Site) -> None:
    site.apply("a", "b")
    site.fleet.reboot("n1")
    site.fleet.hosts["n1"].qemu = "8.1.0"
    trips = site.fleet.hosts["n2"].trips
    plan.plan(site.app, site.desired("a", "b"))
    assert site.fleet.hosts["n2"].trips == trips + 1
    site.apply("a", "b")
    assert {name: each.hypervisor_version for name, each in site.store.capacities().items()} == {"n1": 8001000, "n2": 7002022}


def test_what_an_older_release_did_not_record_is_asked_for(site: Site) -> None:
    site.apply("a", "b")
    run = site.store.begin("apply", ())
    bare = structs.replace(site.store.capacities()["n1"], arch="", hypervisor_version=0, cpu_model="", cpu_features=(), cells=())
    site.store.commit(run, [Seen("n1", bare)])
    site.store.finish(run, "ok", "")
    site.apply("a", "b")
    assert site.store.capacities()["n1"].hypervisor_version == 7002022


def test_a_host_whose_libvirt_does_not_answer_gets_no_instance(site: Site) -> None:
    site.fleet.fail("n1", "capabilities", stderr="error: failed to connect to the hypervisor")
    site.apply("a", "b")
    assert [site.record(name).instance.host for name in "ab"] == ["n2", "n2"]
