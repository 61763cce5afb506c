"""Which of a host's instances a hard reboot of the host brings back: those that are to run, and nothing that an operator, or the guest itself, has ended."""

from __future__ import annotations

from orchestrator.facts import reason
from orchestrator.facts.gather import Facts, Key
from orchestrator.model.instance import Record
from orchestrator.planning import restart
from orchestrator.states.instance import TABLE

OFF = ("STOPPED", "updating-off", "repairing-off", "powering-off")


def left(record: Record) -> str:
    """Why it is left as it is recorded; "" for one that is to run."""
    name = record.instance.name
    if record.state == "deleting":
        return f"its destroy was interrupted: `orchestrator destroy {name}` finishes it"
    building = TABLE.state(record.state).vm_state == "building"
    if building or (record.state == "ERROR" and not record.instance.launched):
        return "it was never built: `orchestrator apply` does that"
    return "it is stopped" if record.state in OFF or record.wanted != "active" else ""


def needs(record: Record) -> tuple[Key, ...]:
    """What is asked of its host beside what its steps look at."""
    return (reason.Key(record.instance.domain),) if record.state == "ACTIVE" and not left(record) else ()


def ended(record: Record, facts: Facts) -> str:
    """Why a guest that is recorded as running is off and stays so: it shut itself down; "" for any other.

    What was killed, crashed or is off for no known reason, as everything is after a reboot of its host, comes back.
    """
    found = facts.get(reason.Key(record.instance.domain))
    if not isinstance(found, reason.Reason) or record.state != "ACTIVE" or found.state != "shut off" or found.reason != restart.BY_ITSELF:
        return ""
    return "it shut itself down" if restart.stays(record.instance.restart_policy, found.reason) else ""
