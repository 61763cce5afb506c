"""libvirtd killed as it began to start a guest, and started anew: it takes the guest for starting for ever, and lets nothing be done to it."""

from __future__ import annotations

import pytest

from orchestrator.planning.diagnosis import Repair
from tests.fakes import libvirt, processes
from tests.recovery.conftest import Ward


def cut_off(ward: Ward) -> str:
    """The domain's name."""
    name = ward.site.record("vm").instance.domain
    processes.cut_off(ward.site.fleet.hosts["n1"].domains[name])
    ward.site.fleet.save()
    return name


def test_it_is_named_with_the_way_out_and_nothing_is_tried(ward: Ward) -> None:
    name = cut_off(ward)
    (found,) = [finding for finding in ward.diagnose().findings if finding.name == "vm"]
    assert (found.cause, found.repair) == ("start-cut-off", Repair.CANNOT)
    assert found.remedy.startswith("if it is still so in a minute (a start that is under way looks the same)")
    assert f"`rm /run/libvirt/qemu/{name}.xml` and restart libvirt's daemon" in found.remedy
    done = ward.repair()
    assert done.exit_code == 3
    assert "start-cut-off" in next(outcome.fault for outcome in done.report.outcomes if outcome.name == "vm")
    assert ward.site.fleet.hosts["n1"].starts[name] == 1


@pytest.mark.parametrize("verb", ["stop", "hard-reboot", "destroy"])
def test_no_verb_waits_for_what_libvirt_will_not_let_it_do(ward: Ward, verb: str) -> None:
    name = cut_off(ward)
    done = ward.site.act(verb, "vm")
    assert done.exit_code == 3
    assert f"libvirt takes {name} for starting, and no process of it runs" in str(ward.site.record("vm").fault)
    libvirt.end(ward.site.fleet.hosts["n1"], ward.site.fleet.hosts["n1"].domains[name], "unknown")
    assert ward.site.act(verb, "vm").exit_code == 0
