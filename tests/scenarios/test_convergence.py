"""From whatever is there to what is wanted, and what is said when that cannot be."""

from __future__ import annotations

import re

import pytest
from msgspec.structs import replace

from orchestrator.engine.context import Progress
from orchestrator.model import errors
from orchestrator.ports.writes import Remove
from orchestrator.services import apply, lifecycle, plan
from tests.scenarios.conftest import Site


def test_instances_spread_and_a_second_apply_asks_once_and_changes_nothing(site: Site) -> None:
    report = site.apply("a", "b", "c", "d")
    assert report.recap == "4 changed, 0 unchanged, 0 failed"
    assert report.trips == {"n1": 2, "n2": 2}
    assert sorted(site.record(name).instance.host for name in "abcd") == ["n1", "n1", "n2", "n2"]
    journal = {name: len(host.journal) for name, host in site.fleet.hosts.items()}
    assert site.apply("a", "b", "c", "d").recap == "0 changed, 4 unchanged, 0 failed"
    assert {name: len(host.journal) for name, host in site.fleet.hosts.items()} == journal
    assert {name: host.trips for name, host in site.fleet.hosts.items()} == {"n1": 3, "n2": 3}


def test_what_instances_share_is_made_once_a_host(site: Site) -> None:
    site.apply("a", "b", "c", "d")
    for host in site.fleet.hosts.values():
        assert sum("convert" in entry.argv for entry in host.journal) == 1
        assert sum("make-bridge" in entry.argv for entry in host.journal) == 1


def test_a_plan_is_what_apply_runs_and_runs_nothing(site: Site) -> None:
    found, _ = plan.plan(site.app, site.desired("a", "b"))
    assert all(not host.journal for host in site.fleet.hosts.values())
    assert site.store.records() == ()
    shown = {action.shown() for change in found.changes if change.course for action in change.course.actions}
    site.apply("a", "b")
    ran = {entry.argv for host in site.fleet.hosts.values() for entry in host.journal}
    planned = {action.argv for change in found.changes if change.course for action in change.course.actions if hasattr(action, "argv")}
    assert {argv for argv in ran if argv in planned} == planned
    assert len(shown) == len(ran)


def test_an_instance_wanted_stopped_is_built_and_stopped_and_stays(site: Site) -> None:
    assert site.apply("a", state="stopped").recap == "1 changed, 0 unchanged, 0 failed"
    assert site.record("a").state == "STOPPED"
    assert site.apply("a", state="stopped").recap == "0 changed, 1 unchanged, 0 failed"
    assert site.apply("a").count("changed") == 1
    assert site.record("a").state == "ACTIVE"


def test_a_guest_that_went_off_by_itself_is_started_again(site: Site) -> None:
    site.apply("a")
    record = site.record("a")
    site.fleet.kill_qemu(record.instance.host, record.instance.domain)
    assert site.apply("a").count("changed") == 1
    assert site.starts() == 2


def test_a_failed_step_is_undone_and_told_and_the_other_instances_go_on(site: Site) -> None:
    host = site.fleet.hosts["n1"]
    before = set(host.files), set(host.domains)
    site.fleet.fail("n1", "virsh -q -c qemu:///system start", stderr="error: no memory")
    wished = site.desired("a", "b")
    wished = replace(wished, instances={**wished.instances, "a": replace(wished.instances["a"], hosts=("n1",))})  # it can go nowhere else
    report = apply.apply(site.app, wished)
    assert (report.exit_code, report.recap) == (3, "1 changed, 0 unchanged, 1 failed")
    failed = next(record for record in site.store.records() if record.state == "ERROR")
    assert failed.instance.host == "n1"
    assert "spawning.start_domain" in str(failed.fault)
    assert "no memory" in str(failed.fault)
    own = {path for path in set(host.files) - before[0] if failed.instance.uuid in path}
    assert (own, set(host.domains)) == (set(), before[1])
    assert site.store.undo(failed.instance.uuid) == ()
    site.fleet.heal("n1")
    assert site.apply("a", "b").recap == "1 changed, 1 unchanged, 0 failed"


def test_a_failed_undo_says_what_is_left_and_destroy_still_works(site: Site) -> None:
    site.fleet.fail("n1", "virsh -q -c qemu:///system start", stderr="error: no memory")
    site.fleet.fail("n1", "rm -f --", stderr="rm: read-only")
    site.apply("a")
    assert "could not be undone" in str(site.record("a").fault)
    site.fleet.heal("n1")
    assert site.act("destroy", "a").count("changed") == 1
    assert site.store.records() == ()


def test_a_cut_connection_is_unknown_and_the_next_apply_adopts_what_the_host_did(site: Site) -> None:
    site.apply("a")
    host = site.record("a").instance.host
    site.act("stop", "a")

    def cut(progress: Progress) -> None:
        if progress.state == "powering-on" and not progress.result:
            site.fleet.cut(host, after=0)

    report = lifecycle.act(replace(site.app, report=cut), "start", ("a",))
    assert (report.exit_code, report.count("unknown")) == (4, 1)
    assert site.record("a").state == "powering-on"
    assert len(site.store.open_jobs()) == 1
    assert site.apply("a").recap == "1 changed, 0 unchanged, 0 failed"
    assert site.record("a").state == "ACTIVE"
    assert site.starts() == 2
    assert site.store.open_jobs() == ()


def test_a_host_lost_while_its_guest_is_waited_for_is_unknown(site: Site) -> None:
    site.apply("a")
    site.act("stop", "a")
    host = site.record("a").instance.host

    def lose(progress: Progress) -> None:
        if progress.step == "spawning.start_domain":  # it goes off at once, and when one looks again the host is gone
            site.fleet.kill_qemu(host, site.record("a").instance.domain)
            site.fleet.unreachable(host)

    assert lifecycle.act(replace(site.app, report=lose), "start", ("a",)).count("unknown") == 1
    assert len(site.store.open_jobs()) == 1
    site.fleet.heal(host)
    assert site.apply("a").count("changed") == 1
    assert site.store.open_jobs() == ()


def test_a_job_that_could_only_be_waited_for_is_over_too(site: Site) -> None:
    site.apply("a")
    host = site.record("a").instance.host
    lost = replace(
        site.app, report=lambda progress: site.fleet.cut(host, after=0)
    )  # the wire fails again when the next run asks for the job
    assert lifecycle.act(lost, "hard-reboot", ("a",)).count("unknown") == 1
    assert site.apply("a").count("changed") == 1
    assert site.store.open_jobs() == ()


def test_an_unreachable_host_leaves_its_instances_as_they_are(site: Site) -> None:
    site.apply("a", "b")
    gone = site.record("a").instance.host
    site.fleet.unreachable(gone)
    report = site.apply("a", "b")
    assert (report.exit_code, report.count("unreachable"), report.count("unchanged")) == (4, 1, 1)
    assert site.record("a").state == "ACTIVE"


def test_a_new_instance_whose_hosts_are_all_away_does_not_stop_the_others(site: Site) -> None:
    site.fleet.unreachable("n2")
    wished = site.desired("a", "b")
    wished.instances["a"] = replace(wished.instances["a"], hosts=("n2",))  # type: ignore[index]
    report = apply.apply(site.app, wished)
    assert (report.exit_code, report.recap) == (4, "1 changed, 0 unchanged, 0 failed, 1 unreachable")
    assert [record.instance.name for record in site.store.records()] == ["b"]
    site.fleet.heal("n2")
    assert apply.apply(site.app, wished).recap == "1 changed, 1 unchanged, 0 failed"


def test_what_an_interrupted_destroy_leaves_is_finished_and_made_anew_when_wanted(site: Site) -> None:
    site.apply("a")
    record = site.record("a")

    def cut(progress: Progress) -> None:
        if progress.state == "deleting" and not progress.result:
            site.fleet.cut(record.instance.host, after=0)

    assert lifecycle.act(replace(site.app, report=cut), "destroy", ("a",)).count("unknown") == 1
    assert site.apply("a").recap == "1 changed, 0 unchanged, 0 failed"
    assert (site.record("a").state, site.record("a").instance.uuid != record.instance.uuid) == ("ACTIVE", True)


def test_a_newer_run_fences_an_older_one_on_the_host(site: Site) -> None:
    site.apply("a")
    record = site.record("a")
    site.fleet.hosts[record.instance.host].epochs[f"instance/{record.instance.uuid}"] = 99
    with pytest.raises(errors.LostOwnership, match="epoch 99"):
        site.act("hard-reboot", "a")


def test_a_lane_that_another_job_holds_is_locked_not_failed(site: Site) -> None:
    site.apply("a")
    record = site.record("a")
    site.fleet.hold(record.instance.host, f"instance/{record.instance.uuid}")
    report = site.act("hard-reboot", "a")
    assert (report.exit_code, report.count("locked")) == (75, 1)
    assert site.record("a").state == "rebooting_hard"
    site.fleet.heal(record.instance.host)
    site.apply("a")
    assert site.record("a").state == "ACTIVE"


def test_an_image_that_went_after_it_was_checked_fails_the_build(site: Site) -> None:
    wished = site.desired("a")
    site.image.unlink()
    report = apply.apply(site.app, wished)
    assert report.exit_code == 3
    assert "cannot read" in str(site.record("a").fault)
    assert site.record("a").state == "ERROR"


def test_a_foreign_domain_of_the_same_name_is_never_touched(site: Site) -> None:
    site.apply("a")
    record = site.record("a")
    host = site.fleet.hosts[record.instance.host]
    foreign = host.domains[record.instance.domain]
    foreign.uuid = "99999999-9999-4999-8999-999999999999"
    foreign.xml = foreign.xml.replace(record.instance.uuid, foreign.uuid)
    report = site.act("hard-reboot", "a")
    assert report.exit_code == 3
    assert "belongs to another" in str(site.record("a").fault)
    assert host.domains[record.instance.domain].state == "running"


def test_a_store_older_than_the_host_is_refused(site: Site) -> None:
    site.apply("a", "z")
    record = site.record("a")
    run = site.store.begin("forget", ["a"])
    site.store.commit(run, [Remove(record.instance.uuid)])  # as in an older backup: the record is gone, the instance is not
    site.store.finish(run, "ok", "")
    host = site.fleet.hosts[record.instance.host]
    host.domains["instance-00000003"] = host.domains.pop(record.instance.domain)
    host.domains["instance-00000003"].name = "instance-00000003"
    other = "n2" if record.instance.host == "n1" else "n1"
    site.fleet.hosts[other].domains["instance-00000003"] = host.domains["instance-00000003"]
    with pytest.raises(errors.Conflict, match="domain instance-00000003 is there already: the store is older than the host"):
        site.apply("z", "b")
    assert [record.instance.name for record in site.store.records()] == ["z"]


def test_what_fits_nowhere_is_told_with_the_numbers_and_nothing_is_done(site: Site) -> None:
    report = site.apply("a", "b", ram=90000)
    assert (report.exit_code, report.recap) == (3, "0 changed, 0 unchanged, 2 failed")
    for outcome in report.outcomes:
        assert re.fullmatch(r"no valid host: n1: memory: needs 90000 MiB, \d+ of \d+ free, n2: memory: needs 90000 MiB, .*", outcome.fault)
    assert site.store.records() == ()
    assert all(not host.journal for host in site.fleet.hosts.values())


def test_verbs_that_a_state_forbids(site: Site) -> None:
    site.fleet.fail("n1", "virsh -q -c qemu:///system start")
    site.fleet.fail("n2", "virsh -q -c qemu:///system start")
    site.apply("a")
    assert site.record("a").state == "ERROR"
    with pytest.raises(errors.StateError, match="`orchestrator apply` builds it"):
        site.act("start", "a")
    with pytest.raises(errors.NotFound):
        site.act("stop", "nobody")


def test_runs_keep_what_they_came_to(site: Site) -> None:
    site.apply("a")
    site.fleet.fail("n1", "domain-ended")
    site.fleet.fail("n2", "domain-ended")
    site.act("hard-reboot", "a")
    with pytest.raises(errors.NotFound):
        site.act("stop", "nobody")
    assert [(run.verb, run.status, run.recap) for run in site.store.runs()] == [
        ("stop", "failed", "no instance 'nobody'; see `orchestrator get instances`"),
        ("hard-reboot", "failed", "0 changed, 0 unchanged, 1 failed"),
        ("apply", "ok", "1 changed, 0 unchanged, 0 failed"),
    ]


@pytest.mark.parametrize("state", ["active", "stopped"])
def test_a_root_disk_grows_where_it_is(site: Site, state: str) -> None:
    site.apply("a", state=state)
    larger = site.desired("a", state=state)
    larger = replace(larger, flavors={"small": replace(larger.flavors["small"], disk=3)})
    made, _ = plan.plan(site.app, larger)
    assert [change.verb for change in made.pending] == ["update"]
    starts = site.starts()
    assert apply.apply(site.app, larger).recap == "1 changed, 0 unchanged, 0 failed"
    record = site.record("a")
    assert (record.instance.flavor.disk, record.instance.disks[0].size, site.starts()) == (3, 3 << 30, starts)
    assert plan.plan(site.app, larger)[0].empty


def test_the_ephemeral_disk_comes_in_parts(site: Site) -> None:
    wished = site.desired("a")
    flavor = replace(wished.flavors["small"], ephemeral=4)
    wished = replace(wished, flavors={"small": flavor}, instances={"a": replace(wished.instances["a"], ephemerals=(1, 2, 1))})
    assert apply.apply(site.app, wished).exit_code == 0
    made = site.record("a").instance
    assert [(disk.name, disk.device, disk.size >> 30) for disk in made.disks] == [
        ("disk", "vda", 1), ("disk.eph0", "vdb", 1), ("disk.eph1", "vdc", 2), ("disk.eph2", "vdd", 1),
    ]  # fmt: skip
    assert all(disk.path in site.fleet.hosts[made.host].files for disk in made.disks)
    assert plan.plan(site.app, wished)[0].empty
    made, _ = plan.plan(site.app, replace(wished, instances={"a": replace(wished.instances["a"], ephemerals=())}))
    assert [str(edit) for edit in made.withheld] == ["ephemerals 1, 2, 1 -> none (destroys data)"]
