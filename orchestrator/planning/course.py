"""An instance's way from the state it is in to the next rest state: every step with what it would do, each planned on the facts that the ones before it leave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct, field, structs

from orchestrator.commands.command import Action
from orchestrator.facts import bridge_nf, file, link, ovs
from orchestrator.facts import domain as domains
from orchestrator.facts.gather import Facts, Key
from orchestrator.model import errors
from orchestrator.model.instance import Instance, Record
from orchestrator.planning.groundwork import Groundwork
from orchestrator.planning.leg import Leg, tagged
from orchestrator.rendering import domain
from orchestrator.states import step as steps
from orchestrator.states.instance import NETWORKING, SPAWNING, TABLE
from orchestrator.states.table import State

STEPS = tuple(dict.fromkeys(name for state in TABLE.states for name in state.steps))
"""Every step of the table, once."""
DELETING = TABLE.state("deleting").steps
"""What alone is done to an instance that is to be absent, whatever state it is in."""


class Course(Struct, frozen=True):
    """`path` is the busy states in order, `rest` where they lead; `expects` what is made true there, within `patience` seconds.

    With a `problem` the way is blocked before its first action: it says why. `ran`: the guest may have written to its disks before, so that
    nothing of it may be undone, even where its record knows of no end of its build. `before`: its instance has changes that take consent, which
    are recorded when the course is begun; until then, and where nothing of it was sent, it is recorded as this.
    """

    record: Record
    triggers: tuple[str, ...]
    path: tuple[State, ...]
    rest: State
    legs: tuple[Leg, ...] = ()
    expects: Mapping[Key, object] = field(default_factory=dict)
    patience: float = 0.0
    problem: errors.HostError | None = None
    ran: bool = False
    before: Instance | None = None

    @property
    def actions(self) -> tuple[Action, ...]:
        return tuple(action for leg in self.legs for action in leg.actions)


def needs(instance: Instance, names: Sequence[str] = STEPS) -> tuple[Key, ...]:
    """Every fact that a step of these would look at, and whether the guest ever ran."""
    own = (key for name in names for key in steps.find(name).needs(instance))
    return tuple(dict.fromkeys((*own, _console(instance))))


def chart(record: Record, triggers: Sequence[str], facts: Facts, ground: Groundwork | None = None) -> Course:
    """The course that `triggers` open, or, without any, the rest of the one that the record's busy state is in.

    A course that starts the guest takes the host's groundwork along: nothing starts before its network and its rules are there.
    Raises StateError when a trigger is not legal.
    """
    path, rest = _path(_after(record, triggers))
    course = Course(record, tuple(triggers), path, rest, ran=_ran(record.instance, facts))
    predicted, changed, legs = dict(facts), dict[Key, object](), list[Leg]()
    patience = 0.0
    grounded = _grounded(path) if ground else None
    for state in path:
        if ground and state == grounded:
            if ground.problem:
                return structs.replace(course, problem=ground.problem)
            legs += [structs.replace(leg, state=state.name) for leg in ground.legs]
            predicted.update(ground.expects)
            changed.update(ground.expects)
            patience = ground.patience
        for name in state.steps:
            step = steps.find(name)
            try:
                todo = step.plan(record.instance, predicted)
            except errors.HostError as problem:
                return structs.replace(course, problem=problem)
            undo, shares = step.undo(record.instance, predicted), step.shares(record.instance)
            parts = todo.each or (steps.Shared(shares or "", todo.actions, todo.unless),)
            legs += [Leg(state.name, name, todo.why, tagged(part.actions, name), undo, part.name or None, part.unless) for part in parts]
            expected = step.expects(record.instance, predicted)
            predicted.update(expected)
            acts = bool(todo.actions)  # what a step leaves as it is was seen to be so (in `facts`), and need not be read again
            changed.update({key: value for key, value in expected.items() if acts or key in changed or isinstance(key, domains.Key)})
            patience = max(patience, step.PATIENCE)
    return structs.replace(course, legs=tuple(legs), expects=changed, patience=patience)


def after(courses: Iterable[Course], facts: Facts) -> Facts:
    """What is true of a host once its courses have ended, also of what tells of several devices at once."""
    left: dict[Key, object] = dict(facts)
    for course in courses:
        left.update(course.expects)
    gone = {key.name for key, value in left.items() if value is None and isinstance(key, link.Key | ovs.Key)}
    return {
        key: value.without(gone) if isinstance(value, link.Marks | ovs.Marks | bridge_nf.BridgeNf) else value for key, value in left.items()
    }


def _grounded(path: Sequence[State]) -> State | None:
    """The state in which the groundwork comes: where the network is plugged, or, of a course that is past that, the first; none without a start."""
    if not any(set(SPAWNING) & set(state.steps) for state in path):
        return None
    return next((state for state in path if set(NETWORKING) & set(state.steps)), path[0])


def _ran(instance: Instance, facts: Facts) -> bool:
    found = facts.get(domains.Key(instance.domain))
    running = isinstance(found, domains.Domain) and found.state == "running"
    return instance.launched or running or facts.get(_console(instance)) is not None


def _console(instance: Instance) -> file.Key:
    """The log that libvirt begins with the first start of a guest, and that outlives it."""
    return file.Key(domain.console_log_path(instance))


def _after(record: Record, triggers: Sequence[str]) -> State:
    state = TABLE.state(record.state)
    for trigger in triggers:
        state = TABLE.leads(trigger, state.name) or _illegal(record, trigger)
    return state


def _illegal(record: Record, trigger: str) -> State:
    legal = sorted({edge.trigger for edge in TABLE.edges if record.state in edge.sources} - {"done", "fail"})
    raise errors.StateError(
        f"instance {record.instance.name!r} cannot {trigger}",
        why=f"it is {record.state}",
        hint=f"from there: {', '.join(legal)}",
    )


def _path(state: State) -> tuple[tuple[State, ...], State]:
    path = []
    while state.busy:
        path.append(state)
        state = TABLE.next(state.name)
    return tuple(path), state


def remains(instance: Instance, facts: Facts) -> tuple[Key, ...]:
    """What of the instance's own, nothing shared, is on the host; volumes that others had before are to be there."""
    instance = structs.replace(instance, volumes=tuple(each for each in instance.volumes if not each.volume.made))
    own = (steps.find(name) for name in STEPS)
    keys = dict.fromkeys(key for step in own if step.shares(instance) is None for key in step.needs(instance))
    return tuple(key for key in keys if facts.get(key) is not None)
