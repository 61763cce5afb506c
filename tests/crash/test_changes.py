"""kill -9 of the controller around every write and command of changes that were consented to: the same command again comes to the same end, no start twice."""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from pathlib import Path

import pytest
from msgspec.structs import replace

from orchestrator import store as stores
from orchestrator.model import desired
from orchestrator.services import apply
from orchestrator.services.app import App
from orchestrator.services.report import Report
from tests.crash import harness
from tests.crash.harness import HOST, World
from tests.fakes.host import FakeFleet

PREPARED = {"reboot": (), "rebuild": (), "plug": (), "unplug": ("plug",)}
"""Edits of one instance, and those that come before."""


class ChangedWorld(World, frozen=True):
    """One instance that runs, and its entry edited by a verb."""

    def edited(self, verb: str) -> desired.Desired:
        world = super().desired()
        if verb == "reboot":
            return replace(world, flavors={"small": replace(world.flavors["small"], ram=128)})
        if verb == "plug":
            wishes = (desired.NetworkRequest("private"), desired.NetworkRequest("private"))
            return replace(world, instances={"vm": replace(world.instances["vm"], networks=wishes)})
        if verb == "rebuild":
            digest = hashlib.sha256(self.image.read_bytes()).hexdigest()
            image = replace(world.images["guest"], name="other", digest=digest)
            return replace(world, images={"other": image}, instances={"vm": replace(world.instances["vm"], image="other")})
        return world

    def _do(self, app: App, fleet: FakeFleet, verb: str) -> Report:
        return apply.apply(replace(app, allow=frozenset({"reboot", "rebuild"})), self.edited(verb))


def end(world: World) -> object:
    """What host and store have, however it came to be."""
    host = world.fleet().hosts[HOST]
    store = stores.open(f"sqlite:///{world.folder}/state.db", harness.Clock(), harness.Ids())
    try:
        states = [(each.state, each.instance) for each in store.records()]
        jobs = store.open_jobs()
    finally:
        store.close()
    domains = {name: (domain.state, sorted(domain.taps), domain.xml) for name, domain in host.domains.items()}
    return states, jobs, domains, sorted(host.files), sorted(host.links)


@pytest.mark.parametrize("verb", PREPARED)
def test_every_crash_point_converges(verb: str, memory: Path) -> None:
    before = ChangedWorld.new(memory / "before")
    for earlier in ("apply", *PREPARED[verb]):
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
            assert world.run(verb, verb)[0] == 0
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
