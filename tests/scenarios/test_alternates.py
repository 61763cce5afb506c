"""A host that fails a build is tried no more for that instance: the next best is, as far as max_attempts goes; what was the image's fault moves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from orchestrator.engine.context import Progress
from orchestrator.model import desired, errors
from orchestrator.model.host import Aggregate
from orchestrator.model.scheduler import Options
from orchestrator.services import apply, plan
from tests.scenarios.conftest import Site, build
from tests.scenarios.test_volumes import plugged, statuses, wished

START = "virsh -q -c qemu:///system start"


@pytest.fixture
def five(tmp_path: Path) -> Iterator[Site]:
    """Five hosts, equal but for the order of their names."""
    made = build(tmp_path, "n1", "n2", "n3", "n4", "n5")
    yield made
    made.store.close()


def tries(site: Site) -> list[str]:
    """Hosts where a guest's start was tried."""
    return sorted(name for name, host in site.fleet.hosts.items() if any("start" in entry.argv for entry in host.journal))


def left(site: Site, host: str, uuid: str) -> list[object]:
    """What there is of an instance on a host."""
    state = site.fleet.hosts[host]
    return [*(path for path in state.files if uuid in path), *state.domains, *(link for link in state.links if link.startswith("tap"))]


def test_the_next_best_host_builds_it_and_nothing_is_left_on_the_one_that_failed(five: Site) -> None:
    five.fleet.fail("n1", START, stderr="error: no memory")
    planned, _ = plan.plan(five.app, five.desired("a"))
    (placement,) = planned.placements
    report = five.apply("a")
    assert (report.exit_code, report.recap) == (0, "1 changed, 0 unchanged, 0 failed")
    record = five.record("a")
    assert (placement.instance.host, record.instance.host, record.state) == ("n1", "n2", "ACTIVE")
    assert placement.decision.alternates[0] == "n2"
    ports = [(port.id, port.mac, port.fixed_ips) for port in placement.instance.ports]
    assert [(port.id, port.mac, port.fixed_ips) for port in record.instance.ports] == ports
    assert record.instance.uuid == placement.instance.uuid
    assert (record.decision.tried, record.decision.rejected) == (("n1",), {"n1": "hosts: it failed to build the instance"})
    assert left(five, "n1", record.instance.uuid) == []
    assert five.store.failed_builds() == {"n1": 1}
    assert any("no memory" in event.detail for event in five.store.events("a"))
    assert plan.plan(five.app, five.desired("a"))[0].empty


def test_at_most_so_many_hosts_are_tried_and_the_next_apply_begins_anew(five: Site) -> None:
    for host in five.fleet.hosts:
        five.fleet.fail(host, START, stderr=f"error: no memory on {host}")
    report = five.apply("a")
    assert (report.exit_code, report.count("failed")) == (3, 1)
    assert tries(five) == ["n1", "n2", "n3", "n4"]
    record = five.record("a")
    assert (record.state, record.decision.tried) == ("ERROR", ("n1", "n2", "n3", "n4"))
    assert all(left(five, host, record.instance.uuid) == [] for host in five.fleet.hosts)
    assert "no memory on n4" in report.outcomes[0].fault
    for host in five.fleet.hosts:
        five.fleet.heal(host)
    assert five.apply("a").recap == "1 changed, 0 unchanged, 0 failed"
    assert (five.record("a").state, five.record("a").instance.host, five.record("a").decision.tried) == ("ACTIVE", "n5", ())


def test_fewer_attempts_are_made_when_options_say_so(five: Site) -> None:
    for host in five.fleet.hosts:
        five.fleet.fail(host, START)
    five.app = replace(five.app, scheduler=Options(max_attempts=2))
    assert five.apply("a").exit_code == 3
    assert tries(five) == ["n1", "n2"]
    assert five.apply("a").exit_code == 3
    assert tries(five) == ["n1", "n2", "n3", "n4"]


def test_when_no_other_host_has_room_that_is_told_with_the_fault(site: Site) -> None:
    assert site.apply("big", ram=15000).exit_code == 0  # on n1
    site.fleet.fail("n2", START, stderr="error: no memory")
    report = site.apply("a", ram=9000)
    (outcome,) = report.outcomes
    assert (report.exit_code, outcome.status, outcome.host) == (3, "failed", "n2")
    assert "error: no memory; no other host can take it: n1: memory: needs 9000 MiB, 872 of 15872 free" in outcome.fault
    assert "n2: hosts: it failed to build the instance" in outcome.fault
    again, _ = plan.plan(site.app, site.desired("a", ram=9000))
    assert [(change.host, change.verb) for change in again.pending] == [("n2", "create")]


def test_a_failed_instance_that_no_host_can_take_any_more_is_told_of(site: Site) -> None:
    for host in site.fleet.hosts:
        site.fleet.fail(host, START)
    assert site.apply("a").exit_code == 3
    hosts = {name: replace(host, disabled="broken") for name, host in site.app.inventory.hosts.items()}
    site.app = replace(site.app, inventory=replace(site.app.inventory, hosts=hosts))
    assert [change.verb for change in plan.plan(site.app, site.desired("a"))[0].unplaced] == ["no valid host"]
    report = site.apply("a")
    assert (report.exit_code, report.recap) == (3, "0 changed, 0 unchanged, 1 failed")
    assert "n1: disabled: broken" in report.outcomes[0].fault


def test_what_is_the_images_fault_is_tried_on_one_host(site: Site) -> None:
    site.fleet.fail("n1", "check-image", code=65, stderr="guest: expected sha256:00")
    site.fleet.fail("n2", "check-image", code=65, stderr="guest: expected sha256:00")
    report = site.apply("a")
    assert (report.exit_code, report.count("failed")) == (3, 1)
    record = site.record("a")
    assert (record.instance.host, record.decision.tried) == ("n1", ())
    assert site.fleet.hosts["n2"].journal == []
    assert site.store.failed_builds() == {}


def test_what_could_not_be_undone_is_not_built_elsewhere(site: Site) -> None:
    site.fleet.fail("n1", START, stderr="boom")
    site.fleet.fail("n1", "undefine", stderr="error: Refusing to undefine while snapshots exist")
    report = site.apply("a")
    record = site.record("a")
    assert (report.exit_code, record.state, record.instance.host, record.decision.tried) == (3, "ERROR", "n1", ())
    assert "could not be undone" in (record.fault or "")
    assert site.fleet.hosts["n2"].domains == {}
    site.fleet.heal("n1")
    assert site.apply("a").exit_code == 0
    assert (site.record("a").instance.host, site.starts()) == ("n1", 1)


def test_a_guest_that_ran_is_never_moved(site: Site) -> None:
    site.apply("a")
    site.act("stop", "a")
    site.fleet.fail("n1", START)
    site.apply("a")
    assert (site.record("a").instance.host, site.fleet.hosts["n2"].journal) == ("n1", [])


def test_all_of_a_host_that_fails_go_elsewhere_and_the_others_do_not_wait(five: Site) -> None:
    five.fleet.fail("n1", START)
    names = [f"i{number}" for number in range(10)]
    assert five.apply(*names).recap == "10 changed, 0 unchanged, 0 failed"
    homes = [five.record(name).instance.host for name in names]
    assert sorted(set(homes)) == ["n2", "n3", "n4", "n5"]
    assert five.store.failed_builds() == {"n1": 2}
    assert five.apply("next").exit_code == 0
    assert five.record("next").instance.host != "n1"  # BuildFailureWeigher
    assert "n1" not in five.record("next").decision.rejected


def test_alternates_are_of_the_zone_that_was_asked_for(five: Site) -> None:
    hosts = {
        name: replace(host, availability_zone="az2" if name in ("n3", "n5") else "nova") for name, host in five.app.inventory.hosts.items()
    }
    hosts["n5"] = replace(hosts["n5"], aggregates=(Aggregate("slow", {"ram_weight_multiplier": "-1"}),))
    five.app = replace(five.app, inventory=replace(five.app.inventory, hosts=hosts))
    five.fleet.fail("n3", START)
    found = five.desired("a")
    found = replace(found, instances={"a": replace(found.instances["a"], availability_zone="az2")})
    assert apply.apply(five.app, found).exit_code == 0
    assert (five.record("a").instance.host, five.record("a").instance.availability_zone) == ("n5", "az2")


def test_a_run_that_is_stopped_makes_no_further_attempt(five: Site) -> None:
    five.fleet.fail("n1", START)

    def stop(progress: Progress) -> None:
        if progress.result == "failed":
            five.app.stopping.set()

    apply.apply(replace(five.app, report=stop), five.desired("a"))
    assert (five.record("a").state, five.record("a").instance.host, tries(five)) == ("ERROR", "n1", ["n1"])
    five.app.stopping.clear()
    assert five.apply("a").exit_code == 0
    assert (five.record("a").instance.host, tries(five)) == ("n2", ["n1", "n2"])


def test_volumes_go_along_unless_they_are_files_of_the_host(site: Site) -> None:
    hosts = {**site.app.inventory.hosts, "n2": replace(site.app.inventory.hosts["n2"], groups=("storage",))}
    site.app = replace(site.app, inventory=replace(site.app.inventory, hosts=hosts))
    site.fleet.fail("n1", "start --domain", stderr="boom")
    assert apply.apply(site.app, wished(site, "data")).exit_code == 0
    assert (site.record("vm").instance.host, statuses(site)["data"], plugged(site)) == ("n2", "in-use", {"data"})
    site.act("destroy", "vm")
    local = desired.Volume("own", 1, "local", where="site.yaml:9:1")
    asked = wished(site, "own")
    asked = replace(asked, volumes={**asked.volumes, "own": local}, instances={"vm": replace(asked.instances["vm"], hosts=("n1", "n2"))})
    site.fleet.fail("n2", "start --domain", stderr="boom")
    report = apply.apply(site.app, asked)
    assert report.exit_code == 3
    assert "volume 'own' is a file of" in report.outcomes[0].fault
    assert statuses(site)["own"] == "attaching"


def test_a_volume_that_is_wished_away_meanwhile_is_free(site: Site) -> None:
    hosts = {**site.app.inventory.hosts, "n2": replace(site.app.inventory.hosts["n2"], groups=("storage",))}
    site.app = replace(site.app, inventory=replace(site.app.inventory, hosts=hosts))
    for host in hosts:
        site.fleet.fail(host, "start --domain", stderr="boom")
    assert apply.apply(site.app, wished(site, "data")).exit_code == 3
    for host in hosts:
        site.fleet.heal(host)
    assert apply.apply(site.app, wished(site, "logs")).exit_code == 0
    assert (statuses(site), plugged(site)) == ({"data": "available", "logs": "in-use"}, {"logs"})


def test_what_a_host_failed_to_build_moves_when_that_host_has_left(five: Site) -> None:
    five.app = replace(five.app, scheduler=Options(max_attempts=1))
    five.fleet.fail("n1", START)
    assert five.apply("a").exit_code == 3
    five.app = replace(
        five.app, inventory=replace(five.app.inventory, hosts={name: five.app.inventory.hosts[name] for name in ("n2", "n3")})
    )
    wish = five.desired("a", hosts=("n2", "n3"))
    assert apply.apply(five.app, wish).exit_code == 0
    assert five.record("a").instance.host == "n2"


def test_a_server_groups_policy_stays_while_it_has_members(five: Site) -> None:
    def wish(policy: str) -> desired.Desired:
        made = five.desired("a", "b")
        group = desired.ServerGroup("pair", policy)
        instances = {name: replace(each, server_group="pair") for name, each in made.instances.items()}
        return replace(made, instances=instances, server_groups={"pair": group})

    assert apply.apply(five.app, wish("affinity")).exit_code == 0
    with pytest.raises(errors.SpecErrors, match=r"server group 'pair' has members.*it was affinity"):
        plan.plan(five.app, wish("anti-affinity"))
    assert plan.plan(five.app, wish("affinity"))[0].empty
