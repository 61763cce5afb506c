"""Recorded and observed power brought together (nova `_sync_power_states`): the hypervisor is the authority, and an instance in a task is nobody's business."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from orchestrator.facts import domain as domains
from orchestrator.facts import reason
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


def needs(record: Record) -> tuple[Key, ...]:
    """What is asked of its host beside what its steps look at."""
    return (reason.Key(record.instance.domain),) if record.state == "ACTIVE" else ()


def sync(record: Record, facts: Facts, attempts: Sequence[str], now: str) -> Sync | None:
    """What is to be done; None when power is as recorded, or not libvirt's to tell: nothing defined, or a process that it has forgotten.

    A guest that somebody paused is left so. `attempts`: when it was restarted by its policy before; `now`: both ISO 8601, UTC.
    """
    found = facts.get(domains.Key(record.instance.domain))
    if TABLE.state(record.state).busy or not isinstance(found, domains.Domain) or found.uuid != record.instance.uuid:
        return None
    if decide.unmanaged(record, facts):
        return None
    off = found.state in power.OFF
    if record.state == "STOPPED" and not off:
        verdict = decide.decide(record, record.wanted, facts)
        return Sync(f"it is recorded STOPPED, and its domain is {found.state}", verdict.triggers)
    if record.state != "ACTIVE" or not off:
        return None
    known = facts.get(reason.Key(record.instance.domain))
    judged = restart.decide(record.instance.restart_policy, known.reason if isinstance(known, reason.Reason) else "unknown", attempts, now)
    triggers = {restart.Do.RESTART: ("found_stopped", "start"), restart.Do.STOPPED: ("found_stopped",), restart.Do.GIVE_UP: ("give_up",)}
    return Sync(judged.why, triggers.get(judged.do, ()), judged.do, judged.at)
