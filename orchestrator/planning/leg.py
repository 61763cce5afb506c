"""One step in one state, with what it would do."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct, structs

from orchestrator.commands.command import Action


class Leg(Struct, frozen=True):
    """One step in one state. `shares` names what its actions make for several instances at once; `unless` is the path that is there then."""

    state: str
    step: str
    why: str
    actions: tuple[Action, ...]
    undo: tuple[Action, ...]
    shares: str | None
    unless: str = ""


def tagged(actions: Iterable[Action], step: str) -> tuple[Action, ...]:
    """The actions under their step's name, which the host's journal shows."""
    return tuple(structs.replace(action, step=step) for action in actions)
