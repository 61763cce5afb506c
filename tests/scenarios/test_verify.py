"""Recorded against observed, and mended: power, leftovers, what is somebody else's, and never a delete on absence of evidence."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.model import names
from orchestrator.ports.writes import Inherit, Move
from orchestrator.services import mend
from orchestrator.services.report import Report
from orchestrator.services.verify import Verdict, verify
from tests.fakes import libvirt, processes
from tests.fakes.state import Directory, Domain, File, Link, State
from tests.scenarios.conftest import Site

OTHERS = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
ELSEWHERE = "11111111-2222-4333-8444-555555555555"
PATH = "/var/lib/nova/instances"


def look(site: Site, *hosts: str) -> Verdict:
    return verify(site.app, [site.app.inventory.hosts[name] for name in hosts or site.app.inventory.hosts])


def mended(site: Site, allowed: mend.Allowed = mend.ASKED) -> Report | None:
    return mend.mend(site.app, "verify", look(site), allowed)


def causes(verdict: Verdict) -> list[tuple[str, str]]:
    return sorted((finding.name, finding.cause) for finding in verdict.findings)


def put(state: State, uuid: str, lineage: str | None, *, domain: bool = True, directory: str = "") -> None:
    """A domain that runs, marked by a store or by nobody; and a directory with a disk."""
    name = f"was-{uuid[:4]}"
    mark = (
        f"<metadata><orchestrator:instance xmlns:orchestrator='urn:orchestrator:instance:1' lineage='{lineage}' digest='{'0' * 64}'/></metadata>"
        if lineage
        else ""
    )
    if domain:
        state.domains[name] = Domain(name, uuid, f"<domain>{mark}</domain>", "running")
    for folder in (f"{PATH}/{uuid}{suffix}" for suffix in directory.split(",") if directory):
        state.files[folder.replace("-none", "")] = Directory()
        state.files[f"{folder.replace('-none', '')}/disk"] = File(b"data")


def things(state: State) -> object:
    return copy.deepcopy((state.domains, state.files))


def issued(site: Site, number: int) -> str:
    """The uuid of the store's n-th instance."""
    return names.instance_id(site.store.lineage, number)


def test_what_is_as_recorded_takes_one_round_trip_a_host_and_changes_nothing(site: Site) -> None:
    site.apply("a", "b", "c")
    before = {name: site.fleet.trips(name) for name in site.fleet.hosts}
    runs = len(site.store.runs())
    verdict = look(site)
    assert (verdict.findings, verdict.foreign, verdict.exit_code) == ((), (), 0)
    assert {name: site.fleet.trips(name) - count for name, count in before.items()} == dict.fromkeys(before, 1)
    assert mended(site) is None
    assert len(site.store.runs()) == runs, "nothing to mend opens no run"


def test_what_a_destroyed_instance_left_is_named_and_removed(site: Site) -> None:
    site.apply("a", "b")
    site.act("destroy", "b")
    put(site.fleet.hosts["n1"], issued(site, 2), site.store.lineage, directory="-none,_del")
    verdict = look(site)
    assert causes(verdict) == [("was-" + issued(site, 2)[:4], "leftover-domain")]
    assert verdict.exit_code == 2
    report = mended(site)
    assert report
    assert report.exit_code == 0
    assert look(site).exit_code == 0
    state = site.fleet.hosts["n1"]
    assert not [path for path in state.files if issued(site, 2) in path]
    assert set(state.domains) == {"instance-00000001"}
    assert site.starts() == 2


def test_half_removed_directories_of_destroyed_instances_go(site: Site) -> None:
    site.apply("a")
    site.act("destroy", "a")
    put(site.fleet.hosts["n2"], issued(site, 1), None, domain=False, directory="_del")
    assert [cause for _, cause in causes(look(site))] == ["leftover-directory"]
    mended(site)
    assert look(site).exit_code == 0
    assert not [path for path in site.fleet.hosts["n2"].files if issued(site, 1) in path]


@pytest.mark.parametrize(
    ("uuid", "lineage", "directory", "findings", "foreign"),
    [
        (ELSEWHERE, None, "-none", 0, 1),
        (ELSEWHERE, OTHERS, "-none,_del", 0, 1),
        (ELSEWHERE, "own", "-none", 1, 0),  # our mark, and nothing that this store knows of: it is an older copy
        ("next", "own", "-none", 1, 0),
        ("first", None, "-none", 0, 1),  # destroyed by us, and nobody's mark
        ("first", OTHERS, "-none", 0, 1),
    ],
    ids=["nobody's", "another store's", "ours, unknown", "ours, newer", "unmarked", "marked by another"],
)
def test_what_is_not_surely_ours_stays(site: Site, uuid: str, lineage: str | None, directory: str, findings: int, foreign: int) -> None:
    site.apply("a", "b")
    site.act("destroy", "a")
    found = {"next": issued(site, 3), "first": issued(site, 1)}.get(uuid, uuid)
    state = site.fleet.hosts["n1"]
    put(state, found, site.store.lineage if lineage == "own" else lineage, directory=directory)
    verdict = look(site)
    assert (len(verdict.findings), len(verdict.foreign)) == (findings, foreign)
    before = things(state)
    assert mend.mend(site.app, "verify", verdict, mend.ALL) is None
    assert things(state) == before


def test_a_store_that_goes_on_where_a_lost_one_left_off_removes_nothing_of_it(site: Site) -> None:
    run = site.store.begin("adopt", [])
    site.store.commit(run, [Inherit(OTHERS, 10, 1)])
    site.store.finish(run, "ok", "")
    assert site.store.lineage == OTHERS
    state = site.fleet.hosts["n2"]
    put(state, issued(site, 3), OTHERS, directory="-none")
    put(state, issued(site, 4), None, domain=False, directory="_del")
    state.links["brqtheirs"] = Link("bridge", True, alias=names.owner(OTHERS))
    before = things(state)
    verdict = look(site)
    assert "unknown-instance" in [finding.cause for finding in verdict.findings]
    assert mend.mend(site.app, "verify", verdict, mend.ALL) is None
    assert things(state) == before
    assert "brqtheirs" in state.links


def test_directories_without_a_domain_that_are_not_ours_are_named_alone(site: Site) -> None:
    put(site.fleet.hosts["n1"], ELSEWHERE, None, domain=False, directory="-none")
    verdict = look(site)
    assert [finding.cause for finding in verdict.foreign] == ["foreign-directory"]
    assert verdict.exit_code == 0


def test_a_second_copy_of_a_recorded_instance_is_never_removed(site: Site) -> None:
    site.apply("a")
    record = site.record("a")
    other = next(name for name in site.fleet.hosts if name != record.instance.host)
    put(site.fleet.hosts[other], record.instance.uuid, site.store.lineage, directory="-none")
    before = things(site.fleet.hosts[other])
    assert causes(look(site)) == [("a", "two-hosts")]
    mended(site, mend.ALL)
    assert things(site.fleet.hosts[other]) == before


def test_leftovers_whose_process_libvirt_forgot_keep_their_disks(site: Site) -> None:
    site.apply("a")
    site.act("destroy", "a")
    state = site.fleet.hosts["n1"]
    put(state, issued(site, 1), site.store.lineage, directory="-none")
    processes.forget(state, next(iter(state.domains.values())))
    verdict = look(site)
    assert {cause for _, cause in causes(verdict)} == {"leftover-domain", "unmanaged-qemu"}
    before = things(state)
    assert mend.mend(site.app, "verify", verdict, mend.ALL) is None
    assert things(state) == before


def test_a_guest_that_crashed_runs_again_and_one_that_shut_itself_down_is_stopped(site: Site) -> None:
    site.apply("a", "b")
    for name, end in (("a", site.fleet.kill_qemu), ("b", site.fleet.power_off)):
        end(site.record(name).instance.host, site.record(name).instance.domain)
    assert look(site).exit_code == 2
    report = mended(site)
    assert report
    assert report.exit_code == 0
    assert (site.record("a").state, site.record("b").state, site.record("b").power_state) == ("ACTIVE", "STOPPED", 4)
    assert site.starts() == 3
    assert look(site).exit_code == 0
    assert mended(site) is None


def test_guests_that_were_shut_down_with_their_host_are_to_run_when_it_is_back(site: Site) -> None:
    """libvirt-guests shuts them down in order, and a watch sees that each of them shut itself down."""
    site.apply("a", "b")
    a = site.record("a").instance
    host = site.fleet.hosts[a.host]
    libvirt.end(host, host.domains[a.domain], "shutdown")
    host.services = "stopping"
    assert ("a", "domain-shut-down") in causes(look(site))
    assert mended(site, mend.LIVE) is None
    assert site.record("a").state == "ACTIVE"
    host.services = "running"
    host.domains[a.domain].reason = "unknown"  # as libvirt has it when the host has booted
    assert mended(site, mend.LIVE)
    assert (site.record("a").state, host.domains[a.domain].state) == ("ACTIVE", "running")


def test_a_guest_that_crashes_again_and_again_waits_longer_and_ends_in_error(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.apply("a")
    at = site.record("a").instance
    clock = datetime(2026, 1, 1, tzinfo=UTC)
    monkeypatch.setattr(type(site.app.clock), "now", lambda self: clock.isoformat().replace("+00:00", "Z"))
    site.fleet.kill_qemu(at.host, at.domain)
    for number in range(1, 6):
        clock += timedelta(hours=1)
        report = mended(site)
        assert report
        assert report.exit_code == 0
        site.fleet.kill_qemu(at.host, at.domain)
        assert number == 5 or mended(site) is None, "too soon"
    report = mended(site)
    assert report
    assert report.exit_code == 3
    assert site.record("a").state == "ERROR"
    assert "restart_policy allows no more" in (site.record("a").fault or "")
    assert site.starts() == 6
    assert causes(look(site)) == [("a", "domain-crashed")]
    site.act("hard-reboot", "a")
    assert look(site).exit_code == 0


def test_what_runs_though_it_was_stopped_is_stopped(site: Site) -> None:
    site.apply("a")
    site.act("stop", "a")
    at = site.record("a").instance
    domain = site.fleet.hosts[at.host].domains[at.domain]
    domain.state, domain.number = "running", 77
    assert ("a", "runs-though-stopped") in causes(look(site))
    mended(site)
    assert not site.fleet.hosts[at.host].domains[at.domain].active
    assert site.record("a").state == "STOPPED"


def test_what_somebody_paused_is_left_paused_unless_it_is_asked_for(site: Site) -> None:
    site.apply("a")
    at = site.record("a").instance
    site.fleet.hosts[at.host].domains[at.domain].state = "paused"
    assert causes(look(site)) == [("a", "paused")]
    mended(site, mend.LIVE)
    assert site.fleet.hosts[at.host].domains[at.domain].state == "paused"
    mended(site)
    assert site.fleet.hosts[at.host].domains[at.domain].state == "running"
    assert site.starts() == 1
    assert look(site).exit_code == 0


def test_what_is_in_hand_is_skipped(site: Site) -> None:
    site.apply("a", "b")
    run = site.store.begin("stop", ["a"])
    site.store.commit(run, [Move(site.record("a").instance.uuid, "stop", "ACTIVE", "powering-off", "active", "powering-off", 1)])
    site.fleet.kill_qemu(site.record("a").instance.host, site.record("a").instance.domain)
    verdict = look(site)
    assert set(verdict.skipped) == {"a"}
    assert verdict.findings == ()
    assert mended(site) is None


def test_a_host_that_does_not_answer_is_no_evidence(site: Site) -> None:
    site.apply("a", "b")
    site.fleet.unreachable("n1")
    verdict = look(site)
    assert (set(verdict.unreachable), verdict.findings, verdict.exit_code) == ({"n1"}, (), 4)
    assert mended(site) is None
    assert {record.state for record in site.store.records()} == {"ACTIVE"}


def test_a_host_whose_libvirt_is_silent_is_named_and_the_others_are_mended(site: Site) -> None:
    site.apply("a", "b")
    on_n2 = next(record.instance for record in site.store.records() if record.instance.host == "n2")
    site.fleet.kill_qemu("n2", on_n2.domain)
    site.fleet.fail("n1", "virsh", stderr="error: failed to connect to the hypervisor")
    assert ("n1", "libvirt-silent") in causes(look(site))
    assert mended(site)
    assert site.fleet.hosts["n2"].domains[on_n2.domain].active
    site.fleet.heal("n1")
    assert look(site).exit_code == 0


def test_what_hosts_share_is_mended_where_guests_run_and_what_nothing_needs_goes(site: Site) -> None:
    site.apply("a", "b")
    owner = names.owner(site.store.lineage)
    site.fleet.hosts["n1"].links["brqdead"] = Link("bridge", True, alias=owner)
    site.fleet.hosts["n1"].links["brforeign"] = Link("bridge", True)
    starts = site.starts()
    assert len(look(site).findings) == 1
    mended(site, mend.LIVE)
    assert look(site).exit_code == 0
    assert set(site.fleet.hosts["n1"].links) & {"brqdead", "brforeign"} == {"brforeign"}
    assert site.starts() == starts


def test_a_host_that_has_no_instance_is_looked_at_as_well(site: Site) -> None:
    site.fleet.hosts["n2"].links["brqdead"] = Link("bridge", True, alias=names.owner(site.store.lineage))
    assert [finding.host for finding in look(site).findings] == ["n2"]
    mended(site)
    assert "brqdead" not in site.fleet.hosts["n2"].links
