"""kill -9 of the controller around every write and command of adopt: the same command again comes to the same end, and no guest is started."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from orchestrator import store as stores
from orchestrator.model.desired import Desired
from orchestrator.services import adopt
from orchestrator.services.app import App
from orchestrator.services.report import Report
from tests.crash import harness
from tests.crash.harness import HOST, World
from tests.fakes.host import FakeFleet
from tests.samples.adopted import foreign


class AdoptWorld(World, frozen=True):
    """A host with a guest that a store forgot, with a volume, and two that others made."""

    def _do(self, app: App, fleet: FakeFleet, verb: str) -> Report:
        if verb != "adopt":
            return World._do(self, app, fleet, verb) if verb != "open" else Report("", ())
        return adopt.adopt(app, adopt.look(app, HOST, (), Desired()))


def end(world: World) -> object:
    """What host and store have, however it came to be."""
    host = world.fleet().hosts[HOST]
    store = stores.open(f"sqlite:///{world.folder}/state.db", harness.Clock(), harness.Ids())
    try:
        volumes = [(each.volume, each.status, each.instance, each.device, each.boot) for each in store.volumes()]
        records = [(each.state, each.wanted, each.instance) for each in store.records()]
        told = store.lineage, store.snapshot().next_number, store.open_jobs()
    finally:
        store.close()
    domains = {name: (domain.state, domain.xml, domain.pid, domain.autostart) for name, domain in host.domains.items()}
    return volumes, records, told, domains, sorted(host.files)


@pytest.mark.parametrize("lost", [True, False], ids=["of a lost store", "of others alone"])
def test_every_crash_point_converges(lost: bool, memory: Path) -> None:
    before = AdoptWorld.new(memory / "before")
    assert isinstance(before, AdoptWorld)
    if lost:
        assert before.run("apply")[0] == 0
        for name in ("state.db", "state.db-wal", "state.db-shm"):
            (before.folder / name).unlink(missing_ok=True)
    fleet = before.fleet()
    foreign(fleet.hosts[HOST], 1).autostart = True
    foreign(fleet.hosts[HOST], 2, start=False)
    fleet.save()
    assert before.run("open")[0] == 0
    calm = before.copy("calm")
    code, counts = calm.run("adopt")
    assert code == 0
    expected, wrong = end(calm), []
    points = harness.points(counts)
    for point in points:
        world = before.copy("world")
        try:
            assert world.run("adopt", point=point)[0] == harness.KILLED
            assert world.run("adopt")[0] == 0
            assert end(world) == expected
            host, calmly = world.fleet().hosts[HOST], calm.fleet().hosts[HOST]
            assert not host.unknown
            assert host.starts == before.fleet().hosts[HOST].starts
            if point.job != "abandon":
                assert Counter(entry.argv for entry in host.journal) == Counter(entry.argv for entry in calmly.journal)
        except AssertionError as error:
            wrong.append(f"{point}: {error}"[:1500])
        shutil.rmtree(world.folder)
    assert not wrong, f"{len(wrong)} of {len(points)} wrong\n" + "\n".join(wrong)


def test_what_starts_with_its_host_does_so_wherever_a_hard_reboot_was_cut_off(memory: Path) -> None:
    before = AdoptWorld.new(memory / "before")
    assert isinstance(before, AdoptWorld)
    fleet = before.fleet()
    foreign(fleet.hosts[HOST], 1).autostart = True
    fleet.save()
    assert before.run("adopt")[0] == 0
    code, counts = before.copy("calm").run("hard-reboot")
    assert (code, counts["action"] > 4) == (0, True)
    for point in harness.points(counts):
        world = before.copy("world")
        assert world.run("hard-reboot", point=point)[0] == harness.KILLED
        assert world.run("hard-reboot")[0] == 0
        domain = world.fleet().hosts[HOST].domains["theirs1"]
        assert (domain.state, domain.autostart) == ("running", True), point
        shutil.rmtree(world.folder)
