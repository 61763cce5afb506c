"""The table, run by `transitions`. Edges are fired after their steps; no callback does work (a raising `on_enter` has already moved)."""

from __future__ import annotations

import functools

from transitions import Machine, MachineError

from orchestrator.model import errors
from orchestrator.states.instance import TABLE
from orchestrator.states.table import State


class _Position:
    """What the shared machine moves: a state, nothing else."""

    state: str


@functools.cache
def _machine() -> Machine:
    return Machine(
        model=None,
        states=[state.name for state in TABLE.states],
        transitions=[{"trigger": edge.trigger, "source": source, "dest": edge.dest} for edge in TABLE.edges for source in edge.sources],
        initial=TABLE.initial,
        auto_transitions=False,
        send_event=False,
    )


def fire(trigger: str, state: str) -> State:
    """Where `trigger` leads from `state`. Raises StateError when it is not legal there."""
    position = _Position()
    machine = _machine()
    machine.add_model(position, initial=state)
    try:
        position.trigger(trigger)  # type: ignore[attr-defined]  # transitions adds it to the model
    except (MachineError, AttributeError) as error:
        raise errors.StateError(f"cannot {trigger}", why=f"the instance is {state}", hint=f"legal: {', '.join(legal(state))}") from error
    finally:
        machine.remove_model(position)
    return TABLE.state(position.state)


def legal(state: str) -> tuple[str, ...]:
    """The triggers that may be fired in `state`."""
    return tuple(sorted(_machine().get_triggers(state)))
