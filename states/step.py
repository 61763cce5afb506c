"""What a step is: four pure functions over an instance and facts, and how it is found by its name in a table."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Mapping
from typing import Protocol, cast

from msgspec import Struct

from orchestrator.commands.command import Action
from orchestrator.facts.gather import Facts, Key
from orchestrator.model.fabric import Fabric
from orchestrator.model.instance import Instance


class Shared(Struct, frozen=True):
    """One of the things that a step makes for several instances at once: its name, and the rest as of a Todo."""

    name: str
    actions: tuple[Action, ...]
    unless: str


class Todo(Struct, frozen=True):
    """What a step would do now, and why; no actions: nothing to do, and `why` says why not.

    Of a step that shares: `unless` is the path that its last action makes, whole and for good; who finds it there has nothing left to do.
    Where a step makes several such things, `each` says it of every one, and `actions` are all of theirs.
    """

    why: str
    actions: tuple[Action, ...] = ()
    unless: str = ""
    each: tuple[Shared, ...] = ()


class Step(Protocol):
    """A module under steps/. Each function is pure: same instance and facts, same answer."""

    PATIENCE: float
    """Seconds within which what it `expects` becomes true after its actions ended."""

    def needs(self, instance: Instance) -> tuple[Key, ...]:
        """The facts to read."""

    def plan(self, instance: Instance, facts: Facts) -> Todo:
        """What to do. Raises HostError when it cannot or must not be done on this host."""

    def undo(self, instance: Instance, facts: Facts) -> tuple[Action, ...]:
        """Takes back exactly what `plan` with the same facts does; tolerates `already gone`. Of what instances share, nothing is undone."""

    def expects(self, instance: Instance, facts: Facts) -> Mapping[Key, object]:
        """Facts that are true afterwards."""

    def shares(self, instance: Instance) -> str | None:
        """The name of what this step makes for several instances of the host at once; None when it is the instance's own. Of several things, the first."""


class FabricStep(Protocol):
    """A module under steps/fabric/: the same over what a host's instances share. Nothing is undone: what nobody needs is taken away by `plan`.

    Other runs may change the same host meanwhile: its actions add and remove single things, and never write a whole that others are part of.
    """

    PATIENCE: float

    def needs(self, fabric: Fabric) -> tuple[Key, ...]:
        """The facts to read."""

    def plan(self, fabric: Fabric, facts: Facts) -> Todo:
        """What to do. Raises HostError when it cannot or must not be done on this host: then no guest of the fabric's starts there."""

    def expects(self, fabric: Fabric, facts: Facts) -> Mapping[Key, object]:
        """Facts that are true afterwards."""


@functools.cache
def find(name: str) -> Step:
    """The step called `<group>.<verb_noun>`. Raises ImportError."""
    return cast(Step, importlib.import_module(f"orchestrator.states.steps.{name}"))


@functools.cache
def find_fabric(name: str) -> FabricStep:
    """The fabric's step called `fabric.<verb_noun>`. Raises ImportError."""
    return cast(FabricStep, importlib.import_module(f"orchestrator.states.steps.{name}"))
