"""What verbs want of instances that exist, and of which they cannot have it."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.facts.gather import Facts
from orchestrator.model import errors
from orchestrator.model.instance import Record
from orchestrator.planning import course, decide
from orchestrator.planning.course import Course
from orchestrator.planning.groundwork import Groundwork
from orchestrator.services.app import App
from orchestrator.services.carry_out import Onward

WANTED = {"start": "active", "stop": "stopped", "hard-reboot": "active", "destroy": "absent"}


def pick(app: App, names: Sequence[str]) -> list[Record]:
    """The records called so, in that order. Raises NotFound for a name that is not there, Conflict for a host that is not in the inventory."""
    known = {record.instance.name: record for record in app.store.records()}
    for name in names:
        if name not in known:
            raise errors.NotFound(f"no instance {name!r}", hint="see `orchestrator get instances`")
        if known[name].instance.host not in app.inventory.hosts:
            raise errors.Conflict(
                f"host {known[name].instance.host!r} of instance {name!r} is not in the inventory", hint="give the right one with -i"
            )
    return [known[name] for name in dict.fromkeys(names)]


def towards(verb: str) -> Onward:
    """How an instance goes on to where `verb` wants it; None when it is there."""

    def onward(record: Record, facts: Facts, ground: Groundwork | None) -> Course | None:
        verdict = decide.decide(record, WANTED[verb], facts)
        return None if verdict.verb == decide.NOTHING else course.chart(record, verdict.triggers, facts, ground)

    return onward


def check(verb: str, record: Record) -> None:
    """Raises StateError, with what to do instead, when `verb` would end what another command began, or begin what another is there for."""
    if hint := _instead(verb, record):
        raise errors.StateError(f"instance {record.instance.name!r} cannot {verb}", why=f"it is {record.state}", hint=hint)


def _instead(verb: str, record: Record) -> str:
    if decide.moves(record):  # its host may be full by now: what is to be placed anew holds no room
        return f"nothing of it is on {record.instance.host}: `orchestrator apply` builds it, there or elsewhere"
    if verb == "hard-reboot":
        return ""  # the table says of the rest
    if record.state == "deleting":
        return f"`orchestrator destroy {record.instance.name}` finishes it"
    if record.state == "ERROR" and verb == "start":
        return f"`orchestrator hard-reboot {record.instance.name}`"
    built = record.instance.launched or record.state not in ("BUILDING", "ERROR")
    return "" if built else "it was never built: `orchestrator apply` does that"
