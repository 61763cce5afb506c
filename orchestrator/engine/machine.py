"""The table, run by `transitions`. Edges are fired after their steps; no callback does work (a raising `on_enter` has already moved)."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from orchestrator.model import errors
from orchestrator.states.instance import TABLE
from orchestrator.states.table import State

if TYPE_CHECKING:
    from transitions import Machine


class _Position:
    """What the shared machine moves: a state, nothing else."""

    state: str


@functools.cache
def _machine() -> Machine:
    from transitions import Machine

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
    dest = _leads(trigger, state)
    if dest is None:
        raise errors.StateError(f"cannot {trigger}", why=f"the instance is {state}", hint=f"legal: {', '.join(legal(state))}")
    return TABLE.state(dest)


@functools.cache
def _leads(trigger: str, state: str) -> str | None:
    """The state's name; None when it is not legal. An edge is fired once a process: its model is set up for a dozen triggers each time."""
    from transitions import MachineError  # late: a run without changes fires nothing

    position = _Position()
    machine = _machine()
    machine.add_model(position, initial=state)
    try:
        position.trigger(trigger)  # type: ignore[attr-defined]  # transitions adds it to the model
    except (MachineError, AttributeError):
        return None
    finally:
        machine.remove_model(position)
    return position.state


def legal(state: str) -> tuple[str, ...]:
    """The triggers that may be fired in `state`."""
    return tuple(sorted(_machine().get_triggers(state)))
