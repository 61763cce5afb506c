"""The QEMU process ended; nothing on disk is touched (nova `_destroy`)."""

from __future__ import annotations

from orchestrator.commands.command import Action
from orchestrator.facts.gather import Facts, Key
from orchestrator.model.instance import Instance
from orchestrator.states.step import Todo
from orchestrator.states.steps.teardown import power

PATIENCE = 10.0


def needs(instance: Instance) -> tuple[Key, ...]:
    return power.needs(instance)


def plan(instance: Instance, facts: Facts) -> Todo:
    power.refuse_cut_off(instance, facts)
    if power.is_off(instance, facts):
        return Todo("domain does not run")
    return Todo("domain runs", (power.end(instance),))


def undo(instance: Instance, facts: Facts) -> tuple[Action, ...]:
    return ()


def expects(instance: Instance, facts: Facts) -> dict[Key, object]:
    return power.off(instance, facts)


def shares(instance: Instance) -> str | None:
    return None
