"""`verify` over each kind of damage: it names it, `verify --repair` mends it, and what is somebody else's on the hosts stays as it is, byte for byte."""

from __future__ import annotations

import copy

import pytest

from orchestrator.planning.diagnosis import Repair
from orchestrator.services import mend
from orchestrator.services.verify import Verdict, verify
from tests.fakes.state import Directory, Domain, File, Link, State
from tests.recovery.conftest import Ward
from tests.recovery.test_damages import masks, pairs
from tests.samples.damages import DAMAGES, Damage

OTHERS = "11111111-2222-4333-8444-555555555555"
FOLDER = f"/var/lib/nova/instances/{OTHERS}"


def look(ward: Ward) -> Verdict:
    return verify(ward.site.app, list(ward.site.app.inventory.hosts.values()), deep=True)


def settle(state: State) -> None:
    """Somebody else's domain, directory, bridge and rules."""
    state.domains["others"] = Domain("others", OTHERS, "<domain/>", "running", number=99)
    state.files |= {FOLDER: Directory(), f"{FOLDER}/disk": File(b"theirs")}
    state.links["br-others"] = Link("bridge", True, addresses=("198.51.100.1",))


def foreign(state: State) -> object:
    return copy.deepcopy(([state.files[path] for path in (FOLDER, f"{FOLDER}/disk")], state.domains["others"], state.links["br-others"]))


def restore(ward: Ward) -> mend.Restored:
    return mend.restore(ward.site.app, list(ward.site.app.inventory.hosts.values()), None, lambda findings: True)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.name)
def test_it_is_named_and_mended_or_told_why_not(ward: Ward, damage: Damage) -> None:
    for state in ward.site.fleet.hosts.values():
        settle(state)
    theirs = {name: foreign(state) for name, state in ward.site.fleet.hosts.items()}
    damage.inflict(ward.site.fleet, ward.site.record("vm").instance)
    found = look(ward)
    assert damage.cause in {finding.cause for finding in found.findings}, [str(finding) for finding in found.findings]
    assert found.exit_code == 2
    done = restore(ward)
    if damage.repair is Repair.CANNOT:
        assert done.exit_code == 3
        assert damage.cause in {finding.cause for finding in done.after.findings}
    else:
        assert (done.exit_code, done.after.findings) == (0, ()), [str(finding) for finding in done.after.findings]
        assert look(ward).findings == ()
    assert {name: foreign(state) for name, state in ward.site.fleet.hosts.items()} == theirs


NAMED = {damage.name: damage for damage in DAMAGES}
OFFERED_FIRST = [(NAMED["target_withdrawn"], NAMED[name]) for name in ("volume_pulled_out", "qemu_killed", "libvirt_forgot_it")]


@pytest.mark.parametrize("pair", [*pairs(), *OFFERED_FIRST], ids=lambda pair: "-".join(damage.name for damage in pair))
def test_two_at_once(ward: Ward, pair: tuple[Damage, Damage]) -> None:
    """Nothing is tried in vain: a guest is not started on a volume before that is offered again."""
    first, second = pair
    for damage in pair:
        damage.inflict(ward.site.fleet, ward.site.record("vm").instance)
    done = restore(ward)
    causes = {finding.cause for finding in done.before.findings}
    if masks(first, second) or masks(second, first):
        assert {first.cause, second.cause} & causes
    else:
        assert {first.cause, second.cause} <= causes
    if Repair.CANNOT in {finding.repair for finding in done.before.findings}:
        assert done.exit_code == 3
        return
    assert (done.exit_code, done.after.findings) == (0, ()), [str(finding) for finding in done.after.findings]
    assert not any(outcome.status == "failed" for report in done.reports for outcome in (*report.outcomes, *report.hosts))
