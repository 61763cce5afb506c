"""QEMU processes: what /proc has of them, and signals to them."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.facts import plugged, qemu
from orchestrator.facts.domain import SPLIT
from orchestrator.states.steps.spawning import continue_process
from orchestrator.states.steps.teardown import end_process
from tests.fakes import iproute, libvirt
from tests.fakes.state import Domain, Result, State, Stray, failed


def forget(state: State, domain: Domain) -> None:
    """libvirt's status files wiped and libvirtd started anew: it knows of no process of the domain, which lives."""
    state.strays[domain.pid] = Stray(domain.uuid, domain.taps, domain.locks)
    domain.end()
    if not domain.persistent:
        del state.domains[domain.name]


def cut_off(domain: Domain) -> None:
    """libvirtd killed as it began to start the domain, and started anew: it takes it for starting, with the process 0."""
    domain.state, domain.reason, domain.pid = "paused", "starting up", 0


def _processes(state: State, operands: tuple[str, ...]) -> Result:
    known = [(each.pid, "T" if each.stopped else "S", each.uuid) for each in state.domains.values() if each.active and each.pid]
    lost = [(pid, "S", each.uuid) for pid, each in state.strays.items()]
    lines = [f"{pid} {word} {uuid}\n" for pid, word, uuid in sorted((*known, *lost))]
    return Result(0, "".join([*lines, f"999 R {qemu.SELF}\n"]).encode())


def _end(state: State, operands: tuple[str, ...]) -> Result:
    uuid, _ = operands
    if any(each.uuid == uuid and each.active for each in state.domains.values()):
        return failed("libvirt knows it by now")
    for pid, stray in list(state.strays.items()):
        if stray.uuid == uuid:
            del state.strays[pid]
            for tap in stray.taps:
                iproute.remove(state, tap)
    return Result()


def _continue(state: State, operands: tuple[str, ...]) -> Result:
    for domain in state.domains.values():
        if domain.uuid == operands[0]:
            domain.stopped = False
    return Result()


def _volumes(state: State, operands: tuple[str, ...]) -> Result:
    """facts.plugged: a process that stands still is not asked for sizes."""
    uri, *names = operands
    looks = []
    for name in names:
        found = state.domains.get(name)
        sizes = "" if found and found.stopped else f"domblkinfo {name} --all; "
        looks.append(f"domstate {name}; echo {SPLIT}; domblklist {name}; echo {SPLIT}; {sizes}echo {SPLIT}")
    return libvirt.virsh(state, ("virsh", "-q", "-c", uri, "; ".join(looks)), b"")


SCRIPTS: dict[str, Callable[[State, tuple[str, ...]], Result]] = {
    qemu.SCRIPT: _processes,
    plugged.SCRIPT: _volumes,
    end_process.END: _end,
    continue_process.CONTINUE: _continue,
}
