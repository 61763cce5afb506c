"""kill -9 of the controller around every write and command of `hard-reboot --host` on a host that booted: the same command again ends the same, with no start twice."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from orchestrator import store as stores
from orchestrator.model import desired
from orchestrator.services import apply, hard_reboot
from orchestrator.services.app import App
from orchestrator.services.report import Report
from tests.crash import harness
from tests.crash.harness import HOST, World
from tests.fakes.host import FakeFleet

RECOVER = "hard-reboot --host"


class HostWorld(World, frozen=True):
    """Three instances on a host: one with a volume, one that shares its network, one that is stopped."""

    def desired(self, state: str = "active") -> desired.Desired:
        made = super().desired(state)
        vm = made.instances["vm"]
        small = replace(vm, name="web", config_drive=False, flavor="tiny")
        wishes = {"vm": replace(vm, volumes=("data",)), "web": small, "off": replace(small, name="off", state="stopped")}
        flavors = {**made.flavors, "tiny": desired.Flavor("tiny", 1, 64, 1)}
        return replace(made, flavors=flavors, instances=wishes, volumes={"data": desired.Volume("data", 1, "iscsi")})

    def _do(self, app: App, fleet: FakeFleet, verb: str) -> Report:
        if verb == "apply":
            return apply.apply(app, self.desired())
        return hard_reboot.act(app, [record.instance.name for record in app.store.records()], named=False)

    def ended(self) -> bool:
        """Whether the last run came to its end in the store, wherever its controller died after that."""
        store = stores.open(f"sqlite:///{self.folder}/state.db", harness.Clock(), harness.Ids())
        try:
            return store.runs()[0].status == "ok" and store.runs()[0].verb == "hard-reboot"
        finally:
            store.close()


def end(world: World) -> object:
    """What the store and the host have in the end, however it came to be."""
    host = world.fleet().hosts[HOST]
    store = stores.open(f"sqlite:///{world.folder}/state.db", harness.Clock(), harness.Ids())
    try:
        found = [(each.state, each.task_state, each.power_state, each.wanted, each.fault, each.instance) for each in store.records()]
        rest = store.open_jobs(), [(each.volume, each.status, each.instance) for each in store.volumes()]
    finally:
        store.close()
    domains = {name: (domain.state, domain.xml, domain.taps, domain.volumes) for name, domain in host.domains.items()}
    return found, rest, domains, host.links, host.filters, sorted(host.files), host.targets, sorted(host.secrets)


@pytest.fixture
def booted(memory: Path) -> tuple[HostWorld, HostWorld]:
    """A host that booted while its instances ran, and what a command that nothing cuts makes of it."""
    before = HostWorld.new(memory / "before")
    assert isinstance(before, HostWorld)
    assert before.run("apply")[0] == 0
    before.fleet().reboot(HOST)
    calm = before.copy("calm")
    assert isinstance(calm, HostWorld)
    return before, calm


def test_every_crash_point_ends_with_each_guest_started_once(
    booted: tuple[HostWorld, HostWorld], capsys: pytest.CaptureFixture[str]
) -> None:
    before, calm = booted
    code, counts = calm.run(RECOVER)
    assert code == 0
    assert calm.recap() == "2 changed, 1 unchanged, 0 failed"
    steps = [entry.step for entry in calm.fleet().hosts[HOST].journal[len(before.fleet().hosts[HOST].journal) :]]
    groups = [step.split(".")[0] for step in steps]
    made = [at for at, step in enumerate(steps) if "volume" in step]
    shared = [at for at, group in enumerate(groups) if group == "fabric"]
    assert max(shared) < min(made) <= max(made) < steps.index("spawning.start_domain"), f"networks and rules, volumes, guests: {steps}"
    expected, every, wrong = end(calm), harness.points(counts), []
    once = calm.fleet().hosts[HOST].starts
    assert sum(once.values()) == sum(before.fleet().hosts[HOST].starts.values()) + 2
    for point in every:
        world = before.copy("world")
        assert isinstance(world, HostWorld)
        try:
            assert world.run(RECOVER, point=point)[0] == harness.KILLED
            if not world.ended():
                assert world.run(RECOVER)[0] == 0
            assert end(world) == expected
            assert world.fleet().hosts[HOST].starts == once
        except AssertionError as error:
            wrong.append(f"{point}: {error}"[:2000])
        shutil.rmtree(world.folder)
    with capsys.disabled():
        right = len(every) - len(wrong)
        print(f"\nhost recovery: {right} of {len(every)} crash points resumed ({counts['write']} writes, {counts['action']} commands)")
    assert not wrong, "\n".join(wrong)
