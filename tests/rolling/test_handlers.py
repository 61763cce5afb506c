"""Handlers: run once a host after their batch, only where something changed, and whatever becomes of the controller."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from orchestrator import store as stores
from orchestrator.model.desired import Desired, Handler, Play
from orchestrator.services import apply, handlers
from tests.crash import harness
from tests.crash.harness import HOST, World
from tests.fakes.host import FakeFleet
from tests.scenarios.conftest import Site, site

__all__ = ["site"]
RELOAD, TELL = Handler("reload", ("echo", "reload dns")), Handler("tell", ("true", "told"), run_once=True)
START = "virsh -q -c qemu:///system start"


def wished(site: Site, *names: str, serial: tuple[str, ...] = (), state: str = "active") -> Desired:
    """Instances that notify both handlers."""
    made = site.desired(*names, state=state)
    wishes = {name: replace(wish, notify=("tell", "reload")) for name, wish in made.instances.items()}
    return replace(made, instances=wishes, plays=(Play(serial=serial, handlers=(RELOAD, TELL)),))


def ran(fleet: FakeFleet, step: str) -> list[str]:
    """Hosts that ran the handler, each as often as it did."""
    return [name for name, host in fleet.hosts.items() for entry in host.journal if entry.step == f"handlers.{step}"]


def test_once_a_host_and_once_in_all(site: Site) -> None:
    assert apply.apply(site.app, wished(site, "a", "b", "c")).exit_code == 0
    assert (ran(site.fleet, "reload"), ran(site.fleet, "tell")) == (["n1", "n2"], ["n1"])
    assert site.store.resources(handlers.KIND) == ()
    assert apply.apply(site.app, wished(site, "a", "b", "c")).recap == "0 changed, 3 unchanged, 0 failed"
    assert ran(site.fleet, "reload") == ["n1", "n2"]


def test_after_each_batch(site: Site) -> None:
    apply.apply(site.app, wished(site, "a", "b", "c", serial=("1",)))
    assert (ran(site.fleet, "reload"), ran(site.fleet, "tell")) == (["n1", "n1", "n2"], ["n1", "n1", "n2"])


def test_what_goes_notifies_as_well(site: Site) -> None:
    apply.apply(site.app, wished(site, "a"))
    assert apply.apply(site.app, wished(site, "a", state="absent")).exit_code == 0
    assert ran(site.fleet, "reload") == ["n1", "n1"]


def test_what_failed_notifies_nobody(site: Site) -> None:
    for host in site.fleet.hosts:
        site.fleet.fail(host, START, stderr="error: no memory")
    assert apply.apply(site.app, wished(site, "a")).exit_code == 3
    assert ran(site.fleet, "reload") == []
    assert site.store.resources(handlers.KIND) == ()


def test_on_the_alternate_when_the_first_host_failed(site: Site) -> None:
    site.fleet.fail("n1", START, stderr="error: no memory")
    assert apply.apply(site.app, wished(site, "a")).exit_code == 0
    assert ran(site.fleet, "reload") == ["n2"]
    assert site.store.resources(handlers.KIND) == ()


def test_one_that_fails_ends_the_run_and_is_run_again(site: Site) -> None:
    site.fleet.fail("n1", "echo 'reload dns'", code=1, stderr="I/O error", times=1)
    report = apply.apply(site.app, wished(site, "a", "b", "c", serial=("1",)))
    assert (report.exit_code, report.recap) == (3, "1 changed, 0 unchanged, 0 failed, 2 pending")
    assert [each.fault for each in report.hosts if each.status == "failed"] == [
        "handlers.reload: echo 'reload dns': exit code 1: I/O error"
    ]
    assert ran(site.fleet, "tell") == []  # as the tasks of a play: none after one that failed
    assert apply.apply(site.app, wished(site, "a", "b", "c", serial=("1",))).recap == "2 changed, 1 unchanged, 0 failed"
    assert (ran(site.fleet, "reload").count("n1"), ran(site.fleet, "tell").count("n1")) == (3, 2)
    assert site.store.resources(handlers.KIND) == ()


def test_one_whose_end_was_not_seen_is_not_run_again(site: Site) -> None:
    wish = wished(site, "a")
    fleet = site.fleet

    class Cutting:
        trips, close = fleet.trips, fleet.close

        def run(self, host, batch, on_record):  # type: ignore[no-untyped-def]
            if any(lane.key == handlers.LANE for lane in batch.lanes):
                fleet.cut(host.name)
            return fleet.run(host, batch, on_record)

    assert apply.apply(replace(site.app, transport=Cutting()), wish).exit_code == 4
    assert ran(fleet, "reload") == ["n1"]
    assert apply.apply(site.app, wish).recap == "0 changed, 1 unchanged, 0 failed"
    assert (ran(fleet, "reload"), ran(fleet, "tell")) == (["n1"], ["n1"])
    assert site.store.resources(handlers.KIND) == ()


class Notifying(World):
    """A world whose instance notifies both handlers."""

    def desired(self, state: str = "active") -> Desired:
        made = super().desired(state)
        return replace(
            made, instances={"vm": replace(made.instances["vm"], notify=("reload", "tell"))}, plays=(Play(handlers=(RELOAD, TELL)),)
        )


@pytest.fixture
def before() -> Iterator[World]:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Notifying.new(Path(folder) / "before")


def test_every_crash_point_runs_them_once(before: World) -> None:
    calm = before.copy("calm")
    code, counts = calm.run("apply")
    assert code == 0
    every = harness.points(counts, (("before", "finish"), ("after", "abandon")))
    late = [point for point in every if point.kind == "write" or point.number > counts["action"] - 3]  # the build's own are in tests/crash
    for number, point in enumerate(late):
        world = before.copy(f"world{number}")
        assert world.run("apply", point=point)[0] == harness.KILLED
        assert world.run("apply")[0] == 0
        fleet = world.fleet()
        for step in ("reload", "tell"):
            assert len(ran(fleet, step)) == 1 or (point.job == "abandon" and ran(fleet, step)), (point, step, ran(fleet, step))
        store = stores.open(f"sqlite:///{world.folder}/state.db", harness.Clock(), harness.Ids())
        assert store.resources(handlers.KIND) == (), point
        assert [record.state for record in store.records()] == ["ACTIVE"]
        store.close()
        assert fleet.hosts[HOST].unknown == []
