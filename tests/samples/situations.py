"""A step in a situation: an instance, and a host as it was left; and how steps are planned and done on the in-memory host."""

from __future__ import annotations

import importlib
import itertools
import pkgutil
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from orchestrator.commands.command import Action, Batch, Lane, Record
from orchestrator.facts import gather
from orchestrator.model.instance import Instance
from orchestrator.planning import fabrics
from orchestrator.states import instance as table
from orchestrator.states import step as steps
from orchestrator.states import steps as room
from orchestrator.states.fabric import FABRIC
from tests.fakes.host import FakeFleet
from tests.fakes.state import State
from tests.samples import instances

BUILD = tuple(name for state in ("networking", "block_device_mapping", "spawning") for name in table.TABLE.state(state).steps)
JOBS = itertools.count(1)


class Case(Struct, frozen=True):
    """A step in a situation. `arrange` makes it: on a fresh host, or on one where the instance's build got as far as `after`."""

    step: str
    name: str
    instance: Instance
    arrange: Callable[[State, Instance], None] = lambda state, instance: None
    after: str | None = None  # the last build step that was done
    built_as: Instance | None = None  # when it was another instance that was built
    blocked: bool = False  # the step refuses

    @property
    def id(self) -> str:
        return f"{self.step}-{self.name}"

    def host(self) -> FakeFleet:
        """A fleet of one host in this situation."""
        fleet = FakeFleet([instances.HOST.name])
        fleet.sources |= {"/images/cirros.qcow2": instances.QCOW2, "/images/plain.raw": instances.RAW}
        fleet.hosts[instances.HOST.name].web[instances.ADDRESS] = instances.QCOW2
        if self.after:
            ground(fleet, self.built_as or self.instance)
            for name in BUILD[: BUILD.index(self.after) + 1]:
                perform(fleet, name, self.built_as or self.instance)
        self.arrange(fleet.hosts[instances.HOST.name], self.instance)
        return fleet


def registry() -> tuple[str, ...]:
    """Every step of an instance that there is: `<group>.<verb_noun>` for each module with a plan."""
    return tuple(name for name in _modules() if not name.startswith("fabric."))


def fabric_registry() -> tuple[str, ...]:
    """Every step of a fabric that there is."""
    return tuple(name for name in _modules() if name.startswith("fabric."))


def _modules() -> tuple[str, ...]:
    found = (module.name.removeprefix(f"{room.__name__}.") for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."))
    return tuple(sorted(name for name in found if hasattr(importlib.import_module(f"{room.__name__}.{name}"), "plan")))


def look(fleet: FakeFleet, keys: Iterable[gather.Key]) -> dict[gather.Key, object]:
    """The facts, read as they would be from a real host."""
    asked = tuple(keys)
    return gather.parse(asked, fleet.run(instances.HOST, Batch("", 0, reads=gather.commands(asked)), lambda record: None))


def run(fleet: FakeFleet, actions: Sequence[Action]) -> list[Record]:
    """The actions in one lane; their records."""
    records: list[Record] = []
    if actions:
        fleet.run(instances.HOST, Batch(f"job{next(JOBS)}", 1, (Lane("instance/x", tuple(actions)),)), records.append)
    return records


def ground(fleet: FakeFleet, instance: Instance) -> None:
    """What the instance shares with others, made."""
    fabric = fabrics.of(fabrics.World(instance.lineage, (instance,), {}, {instance.host: instances.HOST}), instance.host)
    for name in FABRIC:
        step = steps.find_fabric(name)
        run(fleet, step.plan(fabric, look(fleet, step.needs(fabric))).actions)


def perform(fleet: FakeFleet, name: str, instance: Instance) -> None:
    """The step planned on what is there, and done."""
    step = steps.find(name)
    run(fleet, step.plan(instance, look(fleet, step.needs(instance))).actions)
