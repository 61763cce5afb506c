"""What an instance's recorded and observed state ask for, given what is wanted of it (nova `_sync_power_states`, `_init_instance`)."""

from __future__ import annotations

import contextlib

from msgspec import Struct

from orchestrator.facts import domain as domains
from orchestrator.facts import qemu
from orchestrator.facts.gather import Facts
from orchestrator.model import errors
from orchestrator.model.instance import Record
from orchestrator.states import step as steps
from orchestrator.states.instance import TABLE

NOTHING = "none"
PLUG, CREATE, GROW = "updating.plug_volumes", "block_device_mapping.create_volumes", "block_device_mapping.create_disks"


class Verdict(Struct, frozen=True):
    """`verb` is what an operator would call it; no triggers and a busy state: the course goes on where it was left."""

    verb: str
    triggers: tuple[str, ...]
    why: str


def decide(record: Record, wanted: str, facts: Facts) -> Verdict:
    """The next course towards `wanted` (active, stopped or absent); after it, ask again."""
    state = TABLE.state(record.state)
    if wanted == "absent":
        return Verdict("destroy", () if state.name == "deleting" else ("delete",), "it is to be absent")
    if state.name == "BUILDING":
        return Verdict("create", ("build",), "no instance of this name yet")
    if state.busy:
        return Verdict("resume", (), f"an earlier run left it in {state.name}")
    return {"ERROR": _error, "ACTIVE": _active, "STOPPED": _stopped}[state.name](record, wanted, facts)


def _error(record: Record, wanted: str, facts: Facts) -> Verdict:
    why = f"it is in ERROR: {record.fault}"
    if not record.instance.launched:
        return Verdict("create", ("build",), why)
    if wanted != "active":
        return Verdict("stop", ("stop",), why)
    return rebuild(record) or Verdict("hard-reboot", ("hard_reboot",), why)


def moves(record: Record) -> bool:
    """Whether another host is to be asked: its own failed to build it, and nothing of it is left there."""
    return record.state == "ERROR" and record.instance.host in record.decision.tried and not record.instance.launched


def rebuild(record: Record) -> Verdict | None:
    """The rebuild that is due, whatever state of rest it is in; None when none is."""
    names = record.instance.renews
    return Verdict("rebuild", ("rebuild",), f"to be made anew: {', '.join(names)}") if names else None


def _active(record: Record, wanted: str, facts: Facts) -> Verdict:
    power = _power(record, facts)
    if wanted == "stopped" and (power or unmanaged(record, facts)):
        return Verdict("stop", ("stop",), "it is to be stopped")
    if wanted == "stopped":
        return Verdict("stop", ("found_stopped",), "its domain is off already")
    if anew := rebuild(record):
        return anew
    if power is None:
        return Verdict("hard-reboot", ("hard_reboot",), "its domain is not defined")
    if power == "":
        return Verdict("start", ("found_stopped", "start"), "its domain is off")
    if record.instance.due == "reboot":
        return Verdict("hard-reboot", ("hard_reboot",), "what was changed of it is true after a reboot")
    pending = _pending(record, facts)
    return Verdict("update", ("update",), pending) if pending else Verdict(NOTHING, (), f"domain is {power}")


def _pending(record: Record, facts: Facts) -> str:
    """Why its disks are to be changed as it is; "" when they are as wanted."""
    moving = [f"{each.volume.name} is {each.status}" for each in record.instance.volumes if each.status != "in-use"]
    if moving:
        return f"volume {', '.join(moving)}"
    plugging = [f"{each.mac} on {each.network} is {each.status}" for each in record.instance.ports if each.status]
    if plugging:
        return f"port {', '.join(plugging)}"
    if record.instance.due:
        return "what was changed of it is to be defined"
    for name in (PLUG, CREATE, GROW):
        with contextlib.suppress(errors.HostError):  # what cannot be mended so is drift, and told as such
            todo = steps.find(name).plan(record.instance, facts)
            if todo.actions:
                return todo.why
    return ""


def _stopped(record: Record, wanted: str, facts: Facts) -> Verdict:
    running = bool(_power(record, facts))
    if anew := rebuild(record):
        return anew
    if wanted == "active":
        return (
            Verdict("start", ("found_running",), "its domain runs already")
            if running
            else Verdict("start", ("start",), "it is to be active")
        )
    if running:
        return Verdict("stop", ("found_running", "stop"), "its domain runs")
    if process := unmanaged(record, facts):
        return Verdict("stop", ("found_running", "stop"), f"QEMU process {process.pid} runs it, and libvirt does not know of that")
    pending = _pending(record, facts)
    return Verdict("update", ("update",), pending) if pending else Verdict(NOTHING, (), "domain is off")


def unmanaged(record: Record, facts: Facts) -> qemu.Process | None:
    """The QEMU process of the instance, when libvirt knows of none."""
    found = facts[qemu.Key(record.instance.uuid)]
    return found if isinstance(found, qemu.Process) and not _power(record, facts) else None


def _power(record: Record, facts: Facts) -> str | None:
    """The domain's state when a process runs, "" when it is off, None when it is not defined."""
    found = facts[domains.Key(record.instance.domain)]
    if not isinstance(found, domains.Domain):
        return None
    return "" if found.state in ("shut off", "crashed") else found.state
