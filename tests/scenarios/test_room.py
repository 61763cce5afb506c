"""More instances than there is room for: as many as fit are made, the others are told what each host lacks; two runs at once never over-commit."""

from __future__ import annotations

import re
import threading
from collections import Counter
from pathlib import Path

import pytest
from msgspec.structs import replace

from orchestrator import store as stores
from orchestrator.model import errors
from orchestrator.model.instance import Record
from orchestrator.services import apply, explain, plan
from orchestrator.services.report import Report
from tests.crash.harness import Clock, Ids
from tests.scenarios.conftest import Site

ROOM = 15
"""Instances of RAM MiB that a host of 15,872 MiB takes."""
RAM = 1000


def homes(records: tuple[Record, ...]) -> Counter[str]:
    return Counter(record.instance.host for record in records)


def test_fifty_instances_and_room_for_thirty(site: Site) -> None:
    names = [f"web-{number:02}" for number in range(50)]
    planned, _ = plan.plan(site.app, site.desired(*names, ram=RAM))
    assert (len(planned.pending), len(planned.unplaced)) == (30, 20)
    report = site.apply(*names, ram=RAM)
    assert (report.exit_code, report.recap) == (3, "30 changed, 0 unchanged, 20 failed")
    assert Counter(record.state for record in site.store.records()) == {"ACTIVE": 30}
    assert homes(site.store.records()) == {"n1": ROOM, "n2": ROOM}
    failed = [outcome for outcome in report.outcomes if outcome.status == "failed"]
    lacking = "memory: needs 1000 MiB, 872 of 15872 free"
    assert [(each.name, each.fault) for each in failed] == [(name, f"no valid host: n1: {lacking}, n2: {lacking}") for name in names[30:]]
    again = site.apply(*names, ram=RAM)
    assert again.recap == "0 changed, 30 unchanged, 20 failed"
    assert site.act("destroy", "web-00", "web-01").exit_code == 0
    assert site.apply(*names[2:], ram=RAM).recap == "2 changed, 28 unchanged, 18 failed"


def test_two_runs_at_once_never_over_commit(site: Site, tmp_path: Path) -> None:
    reports: dict[str, Report] = {}
    begin = threading.Barrier(2)

    def run(team: str) -> None:
        store = stores.open(f"sqlite:///{tmp_path}/state.db", Clock(), Ids())
        try:
            begin.wait()
            names = [f"{team}-{number:02}" for number in range(25)]
            reports[team] = apply.apply(replace(site.app, store=store), site.desired(*names, ram=RAM))
        finally:
            store.close()

    teams = [threading.Thread(target=run, args=(team,)) for team in ("red", "blue")]
    for team in teams:
        team.start()
    for team in teams:
        team.join()
    assert Counter(record.state for record in site.store.records()) == {"ACTIVE": 30}
    assert homes(site.store.records()) == {"n1": ROOM, "n2": ROOM}
    assert sum(report.count("changed") for report in reports.values()) == 30
    assert sum(report.count("failed") for report in reports.values()) == 20
    addresses = [ip for record in site.store.records() for port in record.instance.ports for ip in port.fixed_ips]
    assert len(set(addresses)) == 30


def test_what_fits_nowhere_does_not_hold_up_what_is_there(site: Site) -> None:
    site.apply("a", "b")
    site.fleet.kill_qemu(site.record("a").instance.host, site.record("a").instance.domain)
    found = site.desired("a", "b", "giant")
    flavors = {**found.flavors, "giant": replace(found.flavors["small"], name="giant", ram=90000)}
    found = replace(found, flavors=flavors, instances={**found.instances, "giant": replace(found.instances["giant"], flavor="giant")})
    report = apply.apply(site.app, found)
    assert (report.exit_code, report.recap) == (3, "1 changed, 1 unchanged, 1 failed")
    assert re.search("needs 90000 MiB", report.outcomes[2].fault)


def test_a_root_disk_that_is_to_grow_takes_its_room_before_others_are_placed(site: Site) -> None:
    site.apply("a", "z")  # each on a host of its own
    first, found = site.record("a").instance.host, site.desired("a", "b")
    disk = site.store.capacities()[first].disk_gb
    flavors = {**found.flavors, "small": replace(found.flavors["small"], disk=disk), "tiny": replace(found.flavors["small"], name="tiny")}
    wish = replace(found.instances["b"], flavor="tiny", hosts=(first,))
    found = replace(found, flavors=flavors, instances={**found.instances, "b": wish})
    planned, _ = plan.plan(site.app, found)
    assert [(change.name, change.verb) for change in planned.unplaced] == [("b", "no valid host")]
    assert [answer.name for answer in explain.playbooks(site.app, found) if not answer.fits] == ["b"]
    report = apply.apply(site.app, found, planned.fingerprint())
    assert (report.exit_code, report.recap) == (3, "1 changed, 0 unchanged, 1 failed")


def test_a_root_disk_does_not_grow_beyond_its_host(site: Site) -> None:
    site.apply("a")
    found = site.desired("a")
    disk = site.store.capacities()[site.record("a").instance.host].disk_gb
    found = replace(found, flavors={"small": replace(found.flavors["small"], disk=disk + 1)})
    with pytest.raises(
        errors.SpecErrors,
        match=rf"instance 'a' cannot have a larger flavor \(disk\).*has {disk} GiB of disk, and its instances would have {disk + 1}",
    ):
        apply.apply(site.app, found)
    assert plan.plan(site.app, site.desired("a"))[0].empty


@pytest.mark.parametrize("verb", ["hard-reboot", "start"])
def test_what_is_to_be_placed_anew_starts_on_no_host_that_is_full_by_now(site: Site, verb: str) -> None:
    site.fleet.fail("n1", "virsh -q -c qemu:///system start")
    assert apply.apply(site.app, site.desired("a", ram=15000, hosts=("n1",))).exit_code == 3
    site.fleet.heal("n1")
    assert apply.apply(site.app, site.desired("b", "a", ram=15000, hosts=("n1",))).recap == "1 changed, 0 unchanged, 1 failed"
    with pytest.raises(errors.StateError, match="nothing of it is on n1: `orchestrator apply` builds it"):
        site.act(verb, "a")
    assert [record.instance.name for record in site.store.records() if record.state == "ACTIVE"] == ["b"]
    assert len(site.fleet.hosts["n1"].domains) == 1
    assert site.act("destroy", "a").exit_code == 0
