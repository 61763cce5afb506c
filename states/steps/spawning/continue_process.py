"""A QEMU process that a signal stopped (SIGSTOP) going on: until then its guest stands still, and libvirt calls it running and waits for it."""

from __future__ import annotations

from orchestrator.commands.command import Action, Command
from orchestrator.facts import qemu
from orchestrator.facts.gather import Facts, Key
from orchestrator.model.instance import Instance
from orchestrator.states.step import Todo

PATIENCE = 2.0

# One fixed script, its argument is the guest's uuid: a pid may be another process's by now.
CONTINUE = f"""{qemu.PROCESSES}
processes | while read -r pid state uuid; do [ "$uuid" != "$1" ] || kill -CONT "$pid" || exit 1; done"""


def needs(instance: Instance) -> tuple[Key, ...]:
    return (qemu.Key(instance.uuid),)


def plan(instance: Instance, facts: Facts) -> Todo:
    process = _stopped(instance, facts)
    if process is None:
        return Todo("no process stands still")
    return Todo(f"process {process.pid} was stopped by a signal", (Command(("sh", "-c", CONTINUE, "continue-process", instance.uuid)),))


def undo(instance: Instance, facts: Facts) -> tuple[Action, ...]:
    return ()


def expects(instance: Instance, facts: Facts) -> dict[Key, object]:
    process = _stopped(instance, facts)
    return {qemu.Key(instance.uuid): qemu.Process(process.uuid, process.pid)} if process else {}


def shares(instance: Instance) -> str | None:
    return None


def _stopped(instance: Instance, facts: Facts) -> qemu.Process | None:
    found = facts[qemu.Key(instance.uuid)]
    return found if isinstance(found, qemu.Process) and found.stopped else None
