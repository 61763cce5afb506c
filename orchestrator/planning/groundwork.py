"""What a host is given before its guests start: its fabric's steps, each planned on the facts that the ones before it leave."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from orchestrator.commands.command import Action, Lane
from orchestrator.facts.gather import Facts, Key
from orchestrator.model import errors
from orchestrator.model.fabric import Fabric
from orchestrator.planning.leg import Leg, tagged
from orchestrator.states import step as steps
from orchestrator.states.fabric import FABRIC

SHARED = "fabric"
"""What the legs are shared as: one lane of the host, in the steps' order."""


class Groundwork(Struct, frozen=True):
    """The steps of one host's fabric. With a `problem` nothing of it is done: it says why, and no guest of the fabric's starts there.

    `last`: it comes after the host's courses, once all of them have ended well, and not before them.
    """

    fabric: Fabric
    legs: tuple[Leg, ...] = ()
    expects: Mapping[Key, object] = field(default_factory=dict)
    patience: float = 0.0
    problem: errors.HostError | None = None
    last: bool = False

    @property
    def actions(self) -> tuple[Action, ...]:
        return tuple(action for leg in self.legs for action in leg.actions)

    @property
    def changes(self) -> bool:
        """Whether there is anything to do, or to say."""
        return bool(self.actions or self.problem)

    @property
    def lane(self) -> Lane:
        return Lane(f"shared/{SHARED}", self.actions)


def needs(fabric: Fabric) -> tuple[Key, ...]:
    """Every fact that a step of the fabric would look at."""
    return tuple(dict.fromkeys(key for name in FABRIC for key in steps.find_fabric(name).needs(fabric)))


def chart(fabric: Fabric, facts: Facts) -> Groundwork:
    """What there is to do on the fabric's host."""
    predicted, changed, legs = dict(facts), dict[Key, object](), list[Leg]()
    patience = 0.0
    for name in FABRIC:
        step = steps.find_fabric(name)
        try:
            todo = step.plan(fabric, predicted)
            expected = step.expects(fabric, predicted)
        except errors.HostError as problem:
            return Groundwork(
                fabric, problem=errors.HostError(problem.what, problem.where or f"{fabric.host}: {name}", problem.why, problem.hint)
            )
        legs.append(Leg("", name, todo.why, tagged(todo.actions, name), (), SHARED))
        predicted.update(expected)
        changed.update({key: value for key, value in expected.items() if todo.actions or key in changed})
        patience = max(patience, step.PATIENCE if todo.actions else 0.0)
    return Groundwork(fabric, tuple(legs), changed, patience)
