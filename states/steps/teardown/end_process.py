"""A QEMU process that libvirt has forgotten ended, so that another may be started: nothing on disk is touched.

Only what the operator asked for by `--repair`, or a deletion, has it: whoever else meets such a process stops there.
"""

from __future__ import annotations

from orchestrator.commands.command import Action, Command
from orchestrator.facts import domain as domains
from orchestrator.facts import link, qemu
from orchestrator.facts.gather import Facts, Key
from orchestrator.model.instance import Instance
from orchestrator.states.step import Todo
from orchestrator.states.steps.teardown import power

PATIENCE = 5.0

# One fixed script, its arguments are data: the guest's uuid, URI. Looked for again, since a pid may be another process's by now; one that libvirt knows
# by now is libvirt's to end. QEMU ends on SIGTERM with its disks written out (a stopped one hears it once it goes on); what does not is killed.
END = (
    f"{qemu.PROCESSES}\n"
    + r"""known=$(virsh -q -c "$2" list --uuid) || exit 1
case $known in *"$1"*) echo "libvirt knows it by now"; exit 1 ;; esac
of() { processes | while read -r pid state uuid; do [ "$uuid" != "$1" ] || echo "$pid"; done; }
signal() { for pid in $(of "$1"); do kill "-$2" "$pid"; done; }
gone() { n=0; while [ -n "$(of "$1")" ]; do [ "$n" -lt "$2" ] || return 1; sleep 1; n=$((n + 1)); done; }
signal "$1" TERM; signal "$1" CONT
gone "$1" 15 || { signal "$1" KILL; gone "$1" 15; } || { echo "process $(of "$1") does not end"; exit 1; }"""
)


def needs(instance: Instance) -> tuple[Key, ...]:
    return power.needs(instance)


def plan(instance: Instance, facts: Facts) -> Todo:
    process = power.unmanaged(instance, facts)
    if process is None:
        return Todo("no process that libvirt does not know")
    end = Command(("sh", "-c", END, "end-process", instance.uuid, domains.URI), timeout=60)
    return Todo(f"process {process.pid} runs the guest, and libvirt does not know of it", (end,))


def undo(instance: Instance, facts: Facts) -> tuple[Action, ...]:
    return ()


def expects(instance: Instance, facts: Facts) -> dict[Key, object]:
    if power.unmanaged(instance, facts) is None:
        return {}
    return dict.fromkeys((qemu.Key(instance.uuid), *(link.Key(port.tap) for port in instance.ports if port.tap)))


def shares(instance: Instance) -> str | None:
    return None
