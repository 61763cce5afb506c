"""kill -9 of the controller around every write and command of a repair: the same command again comes to the same end, and no guest is started twice."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from orchestrator.services import repair
from orchestrator.services.app import App
from orchestrator.services.report import Report
from tests.crash import harness
from tests.crash.harness import HOST, World
from tests.crash.test_crash_points import end, open_jobs, record
from tests.fakes.host import FakeFleet
from tests.samples.damages import DAMAGES

KINDS = {
    "live": ("tap_out_of_its_bridge", "config_drive_missing", "redefined", "qemu_stopped"),
    "loses nothing": ("undefined_and_off", "bridge_deleted", "xml_missing"),
    "reboot": ("tap_deleted", "xml_edited"),
    "forgotten": ("libvirt_forgot_it", "base_missing"),
}
"""What is broken before the repair that is interrupted."""


class Broken(World, frozen=True):
    """One instance; `damage NAME` breaks something of it, `repair` mends it."""

    def _do(self, app: App, fleet: FakeFleet, verb: str) -> Report:
        if verb.startswith("damage "):
            (instance,) = (each.instance for each in app.store.records())
            next(damage for damage in DAMAGES if damage.name == verb.removeprefix("damage ")).inflict(fleet, instance)
            return Report("", ())
        if verb == "repair":
            done = repair.repair(app, ["vm"], lambda findings: True)
            assert done.exit_code == 0, [str(finding) for finding in done.after.findings] + [str(done.report)]
            return done.report
        return super()._do(app, fleet, verb)


@pytest.mark.parametrize("kind", KINDS)
def test_every_crash_point_converges(kind: str, memory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = Broken.new(memory / "before")
    assert before.run("apply", *(f"damage {name}" for name in KINDS[kind]))[0] == 0
    record(before)  # from here on the store is there, so that every world has the same lineage
    calm = before.copy("calm")
    code, counts = calm.run("repair")
    assert code == 0
    expected, every, wrong = end(calm), harness.points(counts), []
    starts = calm.fleet().hosts[HOST].starts
    for point in every:
        world = before.copy("world")
        try:
            assert world.run("repair", point=point)[0] == harness.KILLED
            assert world.run("repair")[0] == 0
            host = world.fleet().hosts[HOST]
            assert (end(world), host.starts, open_jobs(world), host.unknown) == (expected, starts, 0, [])
            if point.job != "abandon":
                assert Counter(entry.argv for entry in host.journal) == Counter(entry.argv for entry in calm.fleet().hosts[HOST].journal)
        except AssertionError as error:
            wrong.append(f"{point}: {error}"[:2000])
        shutil.rmtree(world.folder)
    with capsys.disabled():
        print(f"\nrepair, {kind}: {len(every) - len(wrong)} of {len(every)} crash points resumed")
    assert not wrong, "\n".join(wrong)
