"""kill -9 of the controller around every write and command of `verify --repair`, which a watch does as well: the same again comes to the same end, and no
guest is started twice.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from orchestrator import store as stores
from orchestrator.model import desired, names
from orchestrator.services import mend
from orchestrator.services.app import App
from orchestrator.services.report import Report
from orchestrator.services.verify import verify
from tests.crash import harness
from tests.crash.harness import HOST, KILLED, World
from tests.fakes.host import FakeFleet
from tests.fakes.state import Directory, Domain, File, Link

PATH = "/var/lib/nova/instances"


class Verifying(World, frozen=True):
    """Whose `verify` is `verify --repair`, and whose guests are restarted at once."""

    def desired(self, state: str = "active") -> desired.Desired:
        found = super().desired(state)
        wish = replace(found.instances["vm"], restart_policy=desired.RestartPolicy(back_off=0))
        return replace(found, instances={"vm": wish})

    def _do(self, app: App, fleet: FakeFleet, verb: str) -> Report:
        if verb != "verify":
            return super()._do(app, fleet, verb)
        report = mend.mend(app, "verify", verify(app, list(app.inventory.hosts.values())), mend.ASKED)
        return report or Report("", ())


def damaged(folder: Path) -> Verifying:
    """A guest that crashed, what is left of another that was destroyed, and a bridge that nothing needs."""
    world = Verifying.new(folder)
    assert isinstance(world, Verifying)
    world.run("apply", "destroy", "apply")
    store = stores.open(f"sqlite:///{world.folder}/state.db", harness.Clock(), harness.Ids())
    lineage, vm = store.lineage, store.records()[0].instance
    store.close()
    fleet = world.fleet()
    state, uuid = fleet.hosts[HOST], names.instance_id(lineage, 1)
    mark = f"<domain><metadata><orchestrator:instance xmlns:orchestrator='urn:orchestrator:instance:1' lineage='{lineage}' digest='{'0' * 64}'/></metadata></domain>"
    state.domains["instance-00000001"] = Domain("instance-00000001", uuid, mark, "running")
    state.files |= {f"{PATH}/{uuid}": Directory(), f"{PATH}/{uuid}/disk": File(b"data")}
    state.links["brqdead"] = Link("bridge", True, alias=names.owner(lineage))
    fleet.kill_qemu(HOST, vm.domain)
    fleet.save()
    return world


def end(world: World) -> object:
    host = world.fleet().hosts[HOST]
    store = stores.open(f"sqlite:///{world.folder}/state.db", harness.Clock(), harness.Ids())
    record = store.records()[0]
    store.close()
    files = {path for path in host.files if "orchestrator" not in path}
    return (
        files,
        {name: (each.uuid, each.state, each.taps) for name, each in host.domains.items()},
        set(host.links),
        record.state,
        record.fault,
    )


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Verifying:
    return damaged(tmp_path_factory.mktemp("verify") / "broken")


def test_the_same_again_after_kill_9_at_every_write_and_command(broken: Verifying) -> None:
    calm = broken.copy("calm")
    code, counts = calm.run("verify")
    assert code == 0
    starts = calm.fleet().hosts[HOST].starts
    points = harness.points(counts)
    assert len(points) > 20
    for number, point in enumerate(points):
        world = broken.copy(f"dead-{number}")
        assert world.run("verify", point=point)[0] == KILLED, point
        world.run("verify")
        assert end(world) == end(calm), point
        host = world.fleet().hosts[HOST]
        assert host.starts == starts, f"{point}: {host.starts}"
        assert not host.unknown
