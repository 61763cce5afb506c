"""kill -9 of the controller around every write and command of what is done to volumes: the same command again comes to the same end, nothing twice."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest
from msgspec.structs import replace

from orchestrator import store as stores
from orchestrator.model import desired
from orchestrator.services import apply, volumes
from orchestrator.services.app import App
from orchestrator.services.report import Report
from tests.crash import harness
from tests.crash.harness import HOST, World
from tests.fakes.host import FakeFleet

PREPARED = {"apply": (), "attach": ("apply",), "detach": ("apply", "attach")}


class VolumeWorld(World, frozen=True):
    """One instance, and a volume that is its by a verb."""

    def desired(self, state: str = "active") -> desired.Desired:
        return replace(super().desired(state), volumes={"data": desired.Volume("data", 1, "iscsi")})

    def _do(self, app: App, fleet: FakeFleet, verb: str) -> Report:
        if verb == "apply":
            return apply.apply(app, self.desired())
        return volumes.attach(app, "vm", "data") if verb == "attach" else volumes.detach(app, "vm", "data")


def end(world: World) -> object:
    """What host and store have of the volume, however it came to be."""
    host = world.fleet().hosts[HOST]
    store = stores.open(f"sqlite:///{world.folder}/state.db", harness.Clock(), harness.Ids())
    try:
        recorded = [(each.volume, each.status, each.instance, each.device) for each in store.volumes()]
        states = [(each.state, each.instance) for each in store.records()]
        jobs = store.open_jobs()
    finally:
        store.close()
    domains = {name: (domain.state, domain.volumes, domain.xml) for name, domain in host.domains.items()}
    return recorded, states, jobs, domains, host.targets, list(host.secrets), sorted(host.files)


@pytest.mark.parametrize("verb", PREPARED)
def test_every_crash_point_converges(verb: str, memory: Path) -> None:
    before = VolumeWorld.new(memory / "before")
    assert isinstance(before, VolumeWorld)
    for earlier in PREPARED[verb]:
        assert before.run(earlier)[0] == 0
    end(before)  # from here on the store is there, so that every world has the same lineage
    calm = before.copy("calm")
    code, counts = calm.run(verb)
    assert code == 0
    expected, wrong = end(calm), []
    for point in harness.points(counts):
        world = before.copy("world")
        try:
            assert world.run(verb, point=point)[0] == harness.KILLED
            again = ("apply", "apply") if verb == "apply" else (verb,)
            if verb != "detach" or "in-use" in str(end(world)) or "detaching" in str(end(world)):
                assert world.run(*again)[0] == 0
            assert end(world) == expected
            host, calmly = world.fleet().hosts[HOST], calm.fleet().hosts[HOST]
            assert not host.unknown
            assert host.starts == calmly.starts
            if point.job != "abandon":
                assert Counter(entry.argv for entry in host.journal) == Counter(entry.argv for entry in calmly.journal)
        except AssertionError as error:
            wrong.append(f"{point}: {error}"[:1500])
        shutil.rmtree(world.folder)
    assert not wrong, f"{len(wrong)} wrong\n" + "\n".join(wrong)
