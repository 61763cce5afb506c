"""Fabrics in situations: each step that works on what a host's instances share, on a host as it was left."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.model.fabric import Fabric
from orchestrator.model.instance import Instance
from orchestrator.planning import fabrics
from orchestrator.states import step as steps
from orchestrator.states.fabric import FABRIC
from tests.fakes.host import FakeFleet
from tests.fakes.state import State
from tests.samples import instances, situations


def of(*there: Instance, **groups: object) -> Fabric:
    """The fabric of the sample host with these instances; groups by name."""
    world = fabrics.World(instances.LINEAGE, there, groups, {instances.HOST.name: instances.HOST})  # type: ignore[arg-type]  # a test's words
    return fabrics.of(world, instances.HOST.name)


class Case(Struct, frozen=True):
    """A step in a situation. `arrange` makes it: on a fresh host, or where the steps up to `after` were done for `made_for`."""

    step: str
    name: str
    fabric: Fabric
    arrange: Callable[[State], None] = lambda state: None
    after: str | None = None
    made_for: Fabric | None = None  # when it was another fabric that was made
    blocked: bool = False  # the step refuses
    first: Callable[[State], None] = lambda state: None  # what the host is like before anything is done

    @property
    def id(self) -> str:
        return f"{self.step}-{self.name}"

    def host(self) -> FakeFleet:
        """A fleet of one host in this situation."""
        fleet = FakeFleet([instances.HOST.name])
        self.first(fleet.hosts[instances.HOST.name])
        if self.after:
            for name in FABRIC[: FABRIC.index(self.after) + 1]:
                perform(fleet, name, self.made_for or self.fabric)
        self.arrange(fleet.hosts[instances.HOST.name])
        return fleet


def perform(fleet: FakeFleet, name: str, fabric: Fabric) -> None:
    """Plan and do a step."""
    step = steps.find_fabric(name)
    situations.run(fleet, step.plan(fabric, situations.look(fleet, step.needs(fabric))).actions)


PLAIN = of(instances.new(1, instances.port(1)))
TWO = of(instances.new(1, instances.port(1)), instances.new(2, instances.port(2)))
NOTHING = replace(PLAIN, segments=(), ports=(), groups={})
