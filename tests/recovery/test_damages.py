"""Each kind of damage, alone and in pairs: the diagnosis names it, a repair mends it without touching guests where it can, and says so where it cannot."""

from __future__ import annotations

import copy
import random
from collections.abc import Sequence

import pytest

from orchestrator.planning.diagnosis import Repair
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
