"""What both ways of switching off look at and lead to."""

from __future__ import annotations

from msgspec import structs

from orchestrator.commands.command import Command
from orchestrator.facts import domain as domains
from orchestrator.facts import link, qemu
from orchestrator.facts.gather import Facts, Key
from orchestrator.model import errors
from orchestrator.model.instance import Instance

OFF = ("shut off", "crashed")

# One fixed script, its arguments are data: domain's uuid, URI. virsh's exit code 1 may mean that no process runs, or that it could not be ended, or
# that libvirt does not answer: only libvirt's own list tells, and what comes after may remove disks.
ENDED = 'on=$(virsh -q -c "$2" list --uuid) && case $on in *"$1"*) false;; esac'


def needs(instance: Instance) -> tuple[Key, ...]:
    return (
        domains.Key(instance.domain),
        qemu.Key(instance.uuid),
        *(link.Key(port.tap) for port in instance.ports if port.tap),
    )


def unmanaged(instance: Instance, facts: Facts) -> qemu.Process | None:
    """The instance's QEMU process when libvirt knows of none: its status files (/run/libvirt/qemu) were lost, say. It has the disks open."""
    process = facts[qemu.Key(instance.uuid)]
    return process if isinstance(process, qemu.Process) and is_off(instance, facts) else None


def refuse_unmanaged(instance: Instance, facts: Facts) -> None:
    """Raises HostError when the instance's process lives and libvirt does not know it: neither can libvirt end it, nor may another one be started."""
    if process := unmanaged(instance, facts):
        raise errors.HostError(
            f"unmanaged QEMU: process {process.pid} runs the guest, and libvirt does not know of it",
            why=f"it was started with -uuid {instance.uuid}, and has the disks open: a second one beside it would destroy what is on them",
            hint=f"`orchestrator hard-reboot {instance.name} --repair` ends it and starts the guest anew",
        )


def cut_off(instance: Instance, facts: Facts) -> bool:
    """Whether libvirt takes the guest for one that is just starting, and there is no process: its daemon was killed as it began the start, and came back.

    libvirt writes a domain's status before it forks (qemu_process.c `qemuProcessLaunch`), and reads it back with the process 0: such a domain stays so, and its
    lock stays held. Every command that would change it waits 30 s for the lock, in vain.
    """
    found = facts[domains.Key(instance.domain)]
    mine = isinstance(found, domains.Domain) and found.uuid == instance.uuid and found.state == "paused"
    return mine and facts[qemu.Key(instance.uuid)] is None


def way_out(instance: Instance) -> str:
    """What an operator does about a start that was cut off: guests that run are not touched by it.

    libvirt takes a guest for paused from the beginning of each start, until its process is there (`qemuProcessInit`): without its file libvirt would forget it.
    """
    status = f"/run/libvirt/qemu/{instance.domain}.xml"
    still = "if it is still so in a minute (a start that is under way looks the same)"
    return f"{still}: on the host, `rm {status}` and restart libvirt's daemon (`systemctl restart libvirtd`): guests that run go on; then again"


def refuse_cut_off(instance: Instance, facts: Facts) -> None:
    """Raises HostError when libvirt holds a start that was cut off: it would let nothing be done to the domain."""
    if cut_off(instance, facts):
        raise errors.HostError(
            f"libvirt takes {instance.domain} for starting, and no process of it runs",
            why="its daemon was killed as it began to start the guest, or it begins just now",
            hint=way_out(instance),
        )


def is_off(instance: Instance, facts: Facts) -> bool:
    """No process runs. Raises HostError when the name belongs to a domain that is not this instance's: it is never touched."""
    found = facts[domains.Key(instance.domain)]
    if isinstance(found, domains.Domain) and found.uuid != instance.uuid:
        raise errors.HostError(
            f"domain {instance.domain} belongs to another",
            why=f"its uuid is {found.uuid}, the instance's {instance.uuid}",
            hint="nothing was changed",
        )
    return not isinstance(found, domains.Domain) or found.state in OFF


def end(instance: Instance) -> Command:
    """Ends the instance's process; one that has gone already is fine, one that stays is a failure."""
    return ending(instance.uuid)


def ending(uuid: str) -> Command:
    """The same of the domain with this uuid."""
    ended = ("sh", "-c", ENDED, "domain-ended", uuid, domains.URI)
    return Command(("virsh", "-q", "-c", domains.URI, "destroy", "--domain", uuid), otherwise=ended)


def off(instance: Instance, facts: Facts) -> dict[Key, object]:
    """Facts once it is off: taps are gone with the process, and so is a domain that was not persistent."""
    found = facts[domains.Key(instance.domain)]
    taps: dict[Key, object] = {link.Key(port.tap): None for port in instance.ports if port.tap}
    if not isinstance(found, domains.Domain):
        return {domains.Key(instance.domain): None}
    if found.state in OFF:
        return {domains.Key(instance.domain): found}
    return {
        domains.Key(instance.domain): structs.replace(found, state="shut off") if found.persistent else None,
        qemu.Key(instance.uuid): None,
        **taps,
    }
