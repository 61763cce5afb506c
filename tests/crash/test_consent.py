"""kill -9 of the controller around every write and command of a rolling rebuild that was allowed: the next apply, which nobody allowed anything, finishes
what was begun, and gives up nothing of what was not.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from orchestrator import store as stores
from orchestrator.model import desired
from orchestrator.services import apply
from orchestrator.services.app import App
from orchestrator.services.report import Report
from tests.crash import harness
from tests.crash.harness import HOST, World
from tests.fakes.host import FakeFleet

NAMES = ("one", "two")
ALLOWED, PLAIN = "rebuild, allowed", "rebuild"


class RollingWorld(World, frozen=True):
    """Instances that run, and are to have another image, one after the other."""

    def edited(self, verb: str) -> desired.Desired:
        world = super().desired()
        wishes = {name: replace(world.instances["vm"], name=name) for name in NAMES}
        made = replace(world, instances=wishes, plays=(desired.Play(serial=("1",)),))
        if "rebuild" not in verb:
            return made
        image = replace(world.images["guest"], name="other", digest=hashlib.sha256(self.image.read_bytes()).hexdigest())
        return replace(made, images={"other": image}, instances={name: replace(each, image="other") for name, each in wishes.items()})

    def _do(self, app: App, fleet: FakeFleet, verb: str) -> Report:
        return apply.apply(replace(app, allow=frozenset({"rebuild"} if verb == ALLOWED else ())), self.edited(verb))


class Seen(Struct, frozen=True):
    """Of the instances by name: which the last run has begun, what each is recorded with, and how often its guest was started."""

    run: str
    begun: frozenset[str]
    images: dict[str, str]
    states: dict[str, str]
    starts: dict[str, int]


def look(world: World) -> Seen:
    host = world.fleet().hosts[HOST]
    store = stores.open(world.url, harness.Clock(), harness.Ids())
    try:
        records, last = store.records(), store.runs()[0]
        begun = frozenset(name for name in NAMES if any(event.run == last.id for event in store.events(name)))
        images = {each.instance.name: each.instance.image.name for each in records}
        starts = {each.instance.name: host.starts[each.instance.domain] for each in records}
        return Seen(last.id, begun, images, {each.instance.name: each.state for each in records}, starts)
    finally:
        store.close()


def test_what_was_not_begun_is_left_and_what_was_is_finished(memory: Path) -> None:
    before = RollingWorld.new(memory / "before")
    assert before.run("apply")[0] == 0
    made = look(before)
    calm = before.copy("calm")
    code, counts = calm.run(ALLOWED)
    assert (code, set(look(calm).images.values())) == (0, {"other"})
    wrong, partly = [], 0
    for point in harness.points(counts, harness.DEATHS[:2]):
        world = before.copy("world")
        try:
            assert world.run(ALLOWED, point=point)[0] == harness.KILLED
            left = look(world)
            begun = left.begun if left.run != made.run else frozenset()
            assert world.run(PLAIN, PLAIN)[0] == 0
            after = look(world)
            assert after.images == {name: "other" if name in begun else "guest" for name in NAMES}
            assert after.starts == {name: made.starts[name] + (name in begun) for name in NAMES}
            assert set(after.states.values()) == {"ACTIVE"}
            assert not world.fleet().hosts[HOST].unknown
            partly += 0 < len(begun) < len(NAMES)
        except AssertionError as error:
            wrong.append(f"{point}: {error}"[:1500])
        shutil.rmtree(world.folder)
    assert not wrong, f"{len(wrong)} wrong\n" + "\n".join(wrong)
    assert partly
