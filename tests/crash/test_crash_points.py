"""kill -9 of the controller after and before every store write and every command: what it began is carried to the same end, nothing done twice."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from pathlib import Path

import pytest

from orchestrator import store as stores
from orchestrator.model.instance import Record
from tests.crash import harness
from tests.crash.harness import HOST, Point, World

PREPARED = {
    "apply": (),
    "stop": ("apply",),
    "start": ("apply", "stop"),
    "hard-reboot": ("apply",),
    "destroy": ("apply",),
}
"""What was done before the verb that is interrupted."""
PAIRS = 40


def record(world: World) -> Record | None:
    store = stores.open(world.url, harness.Clock(), harness.Ids())
    try:
        return next(iter(store.records()), None)
    finally:
        store.close()


def open_jobs(world: World) -> int:
    store = stores.open(world.url, harness.Clock(), harness.Ids())
    try:
        return len(store.open_jobs())
    finally:
        store.close()


def end(world: World) -> object:
    """The hosts and the record, as far as they are the same however they came to be."""
    host = world.fleet().hosts[HOST]
    found = record(world)
    files = {path: (type(file).__name__, getattr(file, "size", 0)) for path, file in host.files.items()}
    domains = {name: (domain.uuid, domain.state, domain.xml, domain.taps) for name, domain in host.domains.items()}
    return (
        files,
        domains,
        host.links,
        found and (found.state, found.vm_state, found.task_state, found.power_state, found.fault, found.instance),
    )


def check_effects(world: World, point: Point, reference: World) -> None:
    """No effect twice: as many QEMU starts as without a crash, and, unless the host's own job was cut short, no command repeated."""
    host, calm = world.fleet().hosts[HOST], reference.fleet().hosts[HOST]
    assert not host.unknown
    assert host.starts == calm.starts, f"{point}: {host.starts}"
    if point.job != "abandon":
        assert Counter(entry.argv for entry in host.journal) == Counter(entry.argv for entry in calm.journal), point


@pytest.mark.parametrize("verb", PREPARED)
def test_every_crash_point_converges(verb: str, memory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = World.new(memory / "before")
    for earlier in PREPARED[verb]:
        assert before.run(earlier)[0] == 0
    record(before)  # from here on the store is there, so that every world has the same lineage, and so the same ids
    calm = before.copy("calm")
    code, counts = calm.run(verb)
    assert code == 0
    expected = end(calm)
    every = harness.points(counts)
    wrong = []
    for point in every:
        world = before.copy("world")
        try:
            assert world.run(verb, point=point)[0] == harness.KILLED
            resume(world, verb)
            assert end(world) == expected
            check_effects(world, point, calm)
            assert open_jobs(world) == 0
            if verb == "apply":
                assert world.recap().startswith("0 changed, 1 unchanged"), world.recap()
        except AssertionError as error:
            wrong.append(f"{point}: {error}"[:2000])
        shutil.rmtree(world.folder)
    with capsys.disabled():
        right = len(every) - len(wrong)
        print(f"\n{verb}: {right} of {len(every)} crash points resumed ({counts['write']} writes, {counts['action']} commands)")
    assert not wrong, "\n".join(wrong)


def test_every_crash_point_of_an_undone_build_converges(memory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = World.new(memory / "before")
    record(before)
    calm = before.copy("calm")
    code, counts = calm.run(harness.FAILING)
    assert code == 0
    undone = record(calm)
    assert undone
    assert undone.state == "ERROR"
    calm.run("apply")
    expected, every = end(calm), harness.points(counts, harness.DEATHS[:1])
    for point in every:
        world = before.copy("world")
        assert world.run(harness.FAILING, point=point)[0] == harness.KILLED
        assert world.run("apply", "apply")[0] == 0
        assert end(world) == expected, point
        assert world.fleet().hosts[HOST].starts == calm.fleet().hosts[HOST].starts, point
        assert open_jobs(world) == 0, point
        shutil.rmtree(world.folder)
    with capsys.disabled():
        print(f"\nundone build: {len(every)} of {len(every)} crash points resumed")


def test_a_crash_in_the_recovery_from_a_crash_converges(memory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = World.new(memory / "before")
    record(before)
    calm = before.copy("calm")
    _, counts = calm.run("apply")
    expected, every, chance = end(calm), harness.points(counts), random.Random(7)
    for _ in range(PAIRS):
        first, second = chance.choice(every), chance.choice(every)
        world = before.copy("world")
        assert world.run("apply", point=first)[0] == harness.KILLED
        world.run("apply", point=second)  # killed too, unless less was left to do
        assert world.run("apply", "apply")[0] == 0
        assert end(world) == expected, (first, second)
        assert world.fleet().hosts[HOST].starts == calm.fleet().hosts[HOST].starts, (first, second)
        assert open_jobs(world) == 0, (first, second)
        shutil.rmtree(world.folder)
    with capsys.disabled():
        print(f"\n{PAIRS} of {PAIRS} pairs of crashes resumed")


def resume(world: World, verb: str) -> None:
    """What an operator does after a crash: the same again, an apply even twice. A hard reboot that had begun is finished by `apply`."""
    begun = open_jobs(world) or len(world.fleet().hosts[HOST].jobs) > 1
    again = {"apply": ("apply", "apply"), "hard-reboot": ("apply",) if begun else ("hard-reboot",)}.get(verb, (verb,))
    assert world.run(*again)[0] == 0
