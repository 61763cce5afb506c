"""Recorded and observed power brought together (nova `_sync_power_states`): the hypervisor is the authority, and an instance in a task is nobody's business."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from orchestrator.facts import domain as domains
from orchestrator.facts import reason, system
from orchestrator.facts.gather import Facts, Key
from orchestrator.model.instance import Record
from orchestrator.planning import decide, restart
from orchestrator.states.instance import TABLE
from orchestrator.states.steps.teardown import power


class Sync(Struct, frozen=True):
    """What becomes of an instance whose power is not as recorded. `triggers` open its course; none: it is only recorded, or left. `why` in words.

    `do`: as a restart policy has it; None where none is asked. `at`: until when to wait, for WAIT.
    """

    why: str
    triggers: tuple[str, ...] = ()
    do: restart.Do | None = None
    at: str = ""
    paused: bool = False


def needs(record: Record) -> tuple[Key, ...]:
    """What is asked of its host beside what its steps look at."""
    return (reason.Key(record.instance.domain), system.Key()) if record.state in ("ACTIVE", "ERROR") else ()


def sync(record: Record, facts: Facts, attempts: Sequence[str], now: str) -> Sync | None:
    """What is to be done; None when power is as recorded, or not libvirt's to tell: nothing defined, or a process that it has forgotten.

    A guest that somebody paused is left so. `attempts`: when it was restarted by its policy before; `now`: both ISO 8601, UTC.
    """
    found = _domain(record, facts)
    if found is None:
        return None
    if record.state == "STOPPED" and found.state not in power.OFF:
        return Sync(f"it is recorded STOPPED, and its domain is {found.state}", decide.decide(record, record.wanted, facts).triggers)
    if record.state == "ACTIVE" and found.state == "paused":
        return Sync("somebody paused it, and it is left so", paused=True)
    if record.state != "ACTIVE" or found.state not in power.OFF:
        return None
    if facts.get(system.Key()) == system.STOPPING:
        return Sync("its host is shutting down, and it was shut down with it: it is to run when the host is back")
    judged = restart.decide(record.instance.restart_policy, _reason(record, facts), attempts, now)
    triggers = {restart.Do.RESTART: ("found_stopped", "start"), restart.Do.STOPPED: ("found_stopped",), restart.Do.GIVE_UP: ("give_up",)}
    return Sync(judged.why, triggers.get(judged.do, ()), judged.do, judged.at)


def _domain(record: Record, facts: Facts) -> domains.Domain | None:
    """The instance's own domain, where libvirt knows of all that there is to know."""
    found = facts.get(domains.Key(record.instance.domain))
    if TABLE.state(record.state).busy or not isinstance(found, domains.Domain) or found.uuid != record.instance.uuid:
        return None
    return None if decide.unmanaged(record, facts) else found


def _reason(record: Record, facts: Facts) -> str:
    known = facts.get(reason.Key(record.instance.domain))
    return known.reason if isinstance(known, reason.Reason) else "unknown"
