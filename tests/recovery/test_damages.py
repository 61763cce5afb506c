"""Each kind of damage, alone and in pairs: the diagnosis names it, a repair mends it without touching guests where it can, and says so where it cannot."""

from __future__ import annotations

import copy
import random
from collections.abc import Sequence

import pytest

from orchestrator.planning.diagnosis import Repair
from orchestrator.ports.writes import Want
from orchestrator.services import apply, plan
from tests.fakes import processes
from tests.recovery.conftest import Ward
from tests.samples.damages import DAMAGES, Damage

each = pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.name)
PAIRS = 100


def test_nothing_is_wrong_with_what_was_just_made(ward: Ward) -> None:
    found = ward.diagnose()
    assert (found.findings, found.exit_code) == ((), 0)


@each
def test_the_diagnosis_names_it_and_changes_nothing(ward: Ward, damage: Damage) -> None:
    vm = ward.site.record("vm").instance
    damage.inflict(ward.site.fleet, vm)
    before = copy.deepcopy(ward.site.fleet.hosts["n1"])
    recorded = ward.site.store.records()
    found = ward.diagnose()
    named = [finding for finding in found.findings if finding.cause == damage.cause]
    assert named, [str(finding) for finding in found.findings]
    assert {finding.repair for finding in named} == {damage.repair}
    assert all(finding.detail and finding.remedy for finding in found.findings)
    assert found.exit_code == 2
    before.trips = ward.site.fleet.hosts["n1"].trips
    assert ward.site.fleet.hosts["n1"] == before
    assert ward.site.store.records() == recorded


@each
def test_it_is_mended_or_told_why_not(ward: Ward, damage: Damage) -> None:
    vm = ward.site.record("vm").instance
    pids, beside = ward.pids(), ward.site.record("beside").instance
    damage.inflict(ward.site.fleet, vm)
    done = ward.repair()
    if damage.repair is Repair.CANNOT:
        assert done.exit_code == 3
        assert damage.cause in [finding.cause for finding in done.after.findings]
        assert ward.pids() == pids
        told = [outcome.fault for outcome in (*done.report.outcomes, *done.report.hosts) if outcome.status == "failed"]
        assert told
        return
    assert (done.exit_code, done.after.findings) == (0, ()), [str(finding) for finding in done.after.findings]
    assert ward.causes() == []
    assert (ward.site.record("vm").state, ward.site.record("vm").instance) == ("ACTIVE", vm)
    assert ward.pids()[beside.uuid] == pids[beside.uuid]
    if damage.repair is Repair.LIVE:
        assert ward.pids() == pids
    else:
        assert ward.site.fleet.hosts["n1"].starts[vm.domain] == 2


@each
def test_what_needs_a_reboot_waits_for_a_yes(ward: Ward, damage: Damage) -> None:
    if damage.repair is not Repair.REBOOT:
        return
    damage.inflict(ward.site.fleet, ward.site.record("vm").instance)
    before = copy.deepcopy(ward.site.fleet.hosts["n1"].domains)
    done = ward.repair(agreed=False)
    assert done.exit_code == 2
    assert damage.cause in [finding.cause for finding in done.after.findings]
    assert ward.site.fleet.hosts["n1"].domains == before


@pytest.mark.parametrize("verb", ["apply", "start", "stop", "hard-reboot"])
def test_nothing_starts_beside_a_process_that_libvirt_has_forgotten(ward: Ward, verb: str) -> None:
    """Nor is an instance recorded as stopped while it runs: ERROR, with the process's number."""
    vm = ward.site.record("vm").instance
    processes.forget(ward.site.fleet.hosts["n1"], ward.site.fleet.hosts["n1"].domains[vm.domain])
    (pid,) = ward.site.fleet.hosts["n1"].strays
    done = apply.apply(ward.site.app, ward.desired()) if verb == "apply" else ward.site.act(verb, "vm")
    record = ward.site.record("vm")
    assert (done.exit_code, record.state, ward.site.fleet.hosts["n1"].starts[vm.domain]) == (3, "ERROR", 1)
    assert f"unmanaged QEMU: process {pid} " in str(record.fault)
    assert ward.repair("vm").exit_code == 0
    assert (ward.site.record("vm").state, ward.site.fleet.hosts["n1"].starts[vm.domain], ward.causes()) == ("ACTIVE", 2, [])


def test_with_its_instance_goes_a_process_that_libvirt_has_forgotten(ward: Ward) -> None:
    vm = ward.site.record("vm").instance
    processes.forget(ward.site.fleet.hosts["n1"], ward.site.fleet.hosts["n1"].domains[vm.domain])
    assert ward.site.act("destroy", "vm").exit_code == 0
    assert ward.site.fleet.hosts["n1"].strays == {}


def test_what_is_stopped_is_mended_and_stays_stopped(ward: Ward) -> None:
    ward.site.act("stop", "vm")
    vm = ward.site.record("vm").instance
    for damage in (damage for damage in DAMAGES if damage.name in ("config_drive_missing", "redefined", "bridge_deleted")):
        damage.inflict(ward.site.fleet, vm)
    assert ward.repair().exit_code == 0
    assert (ward.site.record("vm").state, ward.causes()) == ("STOPPED", [])
    assert ward.site.fleet.hosts["n1"].starts[vm.domain] == 1


def test_one_that_is_in_error_though_all_is_well_is_active_again(ward: Ward) -> None:
    vm = ward.site.record("vm").instance
    ward.site.fleet.fail("n1", "shut-down", stderr="no answer")
    assert ward.site.act("stop", "vm").exit_code == 3
    ward.site.fleet.heal("n1")
    ward.site.app.store.commit(run := ward.site.app.store.begin("x", ["vm"], 0), [Want(vm.uuid, "active")])
    ward.site.app.store.finish(run, "ok", "")
    assert ward.causes() == ["in-error"]
    pids = ward.pids()
    assert ward.repair().exit_code == 0
    assert (ward.site.record("vm").state, ward.pids(), ward.causes()) == ("ACTIVE", pids, [])


def test_a_host_that_is_not_reached_is_neither_well_nor_ill(ward: Ward) -> None:
    ward.site.fleet.unreachable("n1")
    found = ward.diagnose()
    assert (found.exit_code, found.findings, list(found.unreachable)) == (4, (), ["n1"])
    assert ward.repair().exit_code == 4


def test_what_is_left_alone_is_told_by_a_plan(ward: Ward) -> None:
    vm = ward.site.record("vm").instance
    for damage in (damage for damage in DAMAGES if damage.name in ("suspended_by_hand", "xml_edited")):
        damage.inflict(ward.site.fleet, vm)
    made, _ = plan.plan(ward.site.app, ward.desired())
    notes = {change.name: [note.partition(":")[0] for note in change.notes] for change in made.changes}
    assert notes == {"vm": ["paused", "xml-edited"], "beside": [], "far": []}


def test_one_round_trip_tells_all(ward: Ward) -> None:
    before = ward.site.fleet.hosts["n2"].trips
    assert ward.diagnose("far").exit_code == 0
    assert ward.site.fleet.hosts["n2"].trips == before + 1


def pairs(count: int = PAIRS) -> Sequence[tuple[Damage, Damage]]:
    """Two different ones each, in this order; the same every time."""
    chance = random.Random(11)
    return [tuple(chance.sample(DAMAGES, 2)) for _ in range(count)]  # type: ignore[misc]


OFF = {"undefined_and_off", "qemu_killed", "destroyed_by_hand", "libvirt_forgot_it"}
RUNNING = {
    "undefined_while_running",
    "suspended_by_hand",
    "qemu_stopped",
    "tap_out_of_its_bridge",
    "tap_deleted",
    "volume_pulled_out",
} | OFF


def masks(first: Damage, second: Damage) -> bool:
    """Whether the second one cannot be seen beside the first, or takes away what the other has broken."""
    if "libvirtd_dead" in (first.name, second.name):
        return True  # nothing can be told of a host that does not answer
    if first.name == "bridges_not_filtered" and second.cause in ("rules-missing", "jump-missing", "rules-foreign", "member-missing"):
        return True  # rules that see nothing are not looked at
    return (first.name in OFF and second.name in RUNNING) or {first.name, second.name} in (
        *({"bridge_deleted", other} for other in ("bridge_down",)),
        *({"tap_deleted", other} for other in ("tap_out_of_its_bridge",)),
        {"vxlan_deleted", "peer_forgotten"},
        {"overlay_deleted", "overlay_header_destroyed"},
        {"overlay_deleted", "overlay_truncated"},
        {"overlay_deleted", "overlay_rebased"},
        {"overlay_header_destroyed", "overlay_truncated"},
        {"overlay_header_destroyed", "overlay_rebased"},
        {"overlay_truncated", "overlay_rebased"},
        {"base_missing", "base_flipped"},
        {"xml_missing", "xml_edited"},
        {"redefined", "undefined_and_off"},
        {"redefined", "undefined_while_running"},
        {"port_chain_flushed", "foreign_accept_in_our_chain"},
        {"target_withdrawn", "secret_forgotten"},
        {"target_withdrawn", "volume_lost"},
    )


@pytest.mark.parametrize("pair", pairs(), ids=lambda pair: "-".join(damage.name for damage in pair))
def test_two_at_once(ward: Ward, pair: tuple[Damage, Damage]) -> None:
    first, second = pair
    vm = ward.site.record("vm").instance
    beside = ward.site.record("beside").instance
    pid = ward.pids()[beside.uuid]
    for damage in pair:
        damage.inflict(ward.site.fleet, vm)
    causes = ward.causes()
    assert causes
    if masks(first, second) or masks(second, first):
        assert {first.cause, second.cause} & set(causes) or "libvirtd_dead" in (first.name, second.name)
    else:
        assert {first.cause, second.cause} <= set(causes)
    done = ward.repair()
    if Repair.CANNOT in {finding.repair for finding in done.before.findings}:
        assert done.exit_code == 3
        assert {finding.repair for finding in done.after.findings} >= {Repair.CANNOT}
    else:
        assert (done.exit_code, ward.causes()) == (0, [])
    assert ward.pids()[beside.uuid] == pid
