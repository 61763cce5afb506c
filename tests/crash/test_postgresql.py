"""Operators with one store in PostgreSQL: the first is killed at every write of an apply, the second, on another machine, carries it to the same end.

What the host's job came to meanwhile is no matter of the store: test_crash_points.py has each action with every death.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.crash import harness
from tests.crash.harness import World
from tests.crash.test_crash_points import check_effects, end, open_jobs, record
from tests.store import server


def copied(world: World, name: str) -> World:
    """The same world, its database included."""
    return replace(world.copy(name), state=server.server().database(world.state))


def test_every_crash_point_of_one_operator_is_resumed_by_another(
    memory: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = replace(World.new(memory / "before"), state=server.server().database())
    record(before)  # from here on the store is there, so that every world has the same lineage, and so the same ids
    calm = copied(before, "calm")
    code, counts = calm.run("apply")
    assert code == 0
    every = [point for point in harness.points(counts, harness.DEATHS[1:2]) if point.kind == "write" or point.number % 4 == 1]
    expected, wrong = end(calm), []
    for point in every:
        world = copied(before, "world")
        try:
            assert world.run("apply", point=point)[0] == harness.KILLED
            assert world.run("apply")[0] == 0
            assert end(world) == expected
            check_effects(world, point, calm)
            assert open_jobs(world) == 0
        except AssertionError as error:
            wrong.append(f"{point}: {error}"[:2000])
        shutil.rmtree(world.folder)
    with capsys.disabled():
        print(f"\napply over PostgreSQL: {len(every) - len(wrong)} of {len(every)} crash points resumed")
    assert not wrong, "\n".join(wrong)
