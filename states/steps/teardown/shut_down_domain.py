"""The guest asked to shut down; when it does not within its time, its process ended (nova `_clean_shutdown`, then `_destroy`)."""

from __future__ import annotations

from orchestrator.commands.command import Action, Command
from orchestrator.facts import domain as domains
from orchestrator.facts.gather import Facts, Key
from orchestrator.model.instance import Instance
from orchestrator.states.step import Todo
from orchestrator.states.steps.teardown import power

PATIENCE = 10.0
WAIT = "60"
"""Seconds; image property os_shutdown_timeout says otherwise (nova `shutdown_timeout`)."""

# One fixed script, its arguments are data: domain, seconds, URI.
SCRIPT = (
    'v() { virsh -q -c "$3" "$1" --domain "$2"; }; v shutdown "$1" "$3"; n=0; '
    'while [ "$n" -lt "$2" ]; do s=$(v domstate "$1" "$3") || exit 0; '
    'case $s in "shut off"|crashed) exit 0;; esac; sleep 1; n=$((n+1)); done; '
    'v destroy "$1" "$3" || true'
)


def needs(instance: Instance) -> tuple[Key, ...]:
    return power.needs(instance)


def plan(instance: Instance, facts: Facts) -> Todo:
    power.refuse_unmanaged(instance, facts)
    power.refuse_cut_off(instance, facts)
    if power.is_off(instance, facts):
        return Todo("domain does not run")
    wait = instance.image.properties.get("os_shutdown_timeout", WAIT)
    command = Command(("sh", "-c", SCRIPT, "shut-down", instance.uuid, wait, domains.URI), timeout=int(wait) + 60)
    return Todo("domain runs", (command,))


def undo(instance: Instance, facts: Facts) -> tuple[Action, ...]:
    return ()


def expects(instance: Instance, facts: Facts) -> dict[Key, object]:
    return power.off(instance, facts)


def shares(instance: Instance) -> str | None:
    return None
