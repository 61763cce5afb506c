"""kill -9 around every write and command of a build that fails on one host and goes to the next: it ends on one host, and is nowhere else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.crash import harness
from tests.crash.harness import HOST, World
from tests.crash.test_crash_points import open_jobs, record

OTHER = "n2"


def check(world: World) -> str:
    """The one host that has it, all of it; nothing of it is on the other."""
    found = record(world)
    assert found
    assert (found.state, found.fault) == ("ACTIVE", None)
    hosts = world.fleet().hosts
    here = hosts.pop(found.instance.host)
    assert here.domains[found.instance.domain].state == "running"
    assert sum(here.starts.values()) == 1
    (there,) = hosts.values()
    assert [path for path in there.files if found.instance.uuid in path] == []
    assert there.domains == {}
    assert not [link for link in there.links if link.startswith("tap")]
    assert sum(there.starts.values()) == 0
    assert open_jobs(world) == 0
    return here.name


def test_every_crash_point_between_a_failure_and_the_next_host_converges(
    memory: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = World.new(memory / "before", OTHER)
    assert record(before) is None
    calm = before.copy("calm")
    code, counts = calm.run(harness.FAILING)
    assert code == 0
    assert check(calm) == OTHER
    kept = record(calm)
    assert kept
    homes, killed = [], 0
    every = harness.points(counts, harness.DEATHS[:1])
    for point in every:
        world = before.copy("world")
        killed += (
            world.run(harness.FAILING, point=point)[0] == harness.KILLED
        )  # two hosts: how many writes there are is not quite the same each time
        assert world.run("apply", "apply")[0] == 0
        try:
            homes.append(check(world))
        except AssertionError as error:
            raise AssertionError(f"{point}: {error}") from error
        again = record(world)
        assert again
        assert again.instance.ports[0].mac == kept.instance.ports[0].mac, point
        assert again.instance.ports[0].fixed_ips == kept.instance.ports[0].fixed_ips, point
        shutil.rmtree(world.folder)
    assert set(homes) == {HOST, OTHER}  # before the failure was known it is built where it was to be
    assert killed >= len(every) - 4
    with capsys.disabled():
        print(
            f"\nfailed build that moves: {len(homes)} of {len(homes)} crash points resumed, {homes.count(OTHER)} of them on the next host"
        )
