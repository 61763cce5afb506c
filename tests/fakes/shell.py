"""From argv to a program, or to one of the fixed scripts that our facts and steps run with `sh -c`."""

from __future__ import annotations

import base64
import posixpath
from collections.abc import Callable

from orchestrator.facts import compute, disk, domain, hypervisor, kvm
from orchestrator.states.steps.block_device_mapping import create_disks
from orchestrator.states.steps.spawning import define_domain
from orchestrator.states.steps.teardown import power, shut_down_domain
from tests.fakes import coreutils, disks, images, iproute, libvirt, namespaces, netfilter, openvswitch, processes, volumes
from tests.fakes.state import Directory, Result, State, UnknownError, failed


def run(state: State, argv: tuple[str, ...], stdin: str = "", timeout: int = 60) -> Result:
    """How the command ends. 127 when nobody here knows it; it is then in `state.unknown` as well."""
    program = PROGRAMS.get(argv[0])
    if argv[0] == "sleep":
        return _sleep(float(argv[-1]), timeout)
    try:
        if program is None:
            raise UnknownError
        return program(state, argv, stdin.encode("utf-8", "surrogateescape"))
    except UnknownError:
        state.unknown.append(argv)
        return failed(f"timeout: failed to run command '{argv[0]}': No such file or directory", 127)


def _sleep(seconds: float, timeout: int) -> Result:
    """No time passes here; only what `timeout` would have said of it."""
    return Result(124) if seconds >= timeout else Result()


def _sh(state: State, argv: tuple[str, ...], stdin: bytes) -> Result:
    if len(argv) > 3 and argv[1] == "-c" and argv[2] in FED:
        return FED[argv[2]](state, argv[4:], stdin)
    if len(argv) < 4 or argv[1] != "-c" or argv[2] not in SCRIPTS:
        raise UnknownError
    return SCRIPTS[argv[2]](state, argv[4:])


def _headers(state: State, paths: tuple[str, ...]) -> Result:
    there = any(state.file(path) for path in paths)
    return Result(0, base64.b64encode(disks.headers(state, paths, disk.HEAD)) if there else disk.NONE + b"\n")


def _compute(state: State, operands: tuple[str, ...]) -> Result:
    place = operands[0]
    while place and not isinstance(state.files.get(place), Directory):
        place = posixpath.dirname(place) if place != "/" else ""
    used = state.disk_gb - state.free_disk_gb
    lines = (
        state.machine_id,
        state.boot_id,
        str(state.vcpus),
        f"MemTotal:       {state.memory_mb * 1024} kB",
        f"/dev/vda1 {state.disk_gb:>17} {used:>5} {state.free_disk_gb:>9} {100 * used // state.disk_gb:>7}% /",
        *(f"{store}.{epoch} {job}" for store, (epoch, job) in sorted(state.newest.items())),
    )
    return Result(0, "".join(f"{line}\n" for line in lines).encode())


def _hypervisor(state: State, operands: tuple[str, ...]) -> Result:
    """What virsh says, as far as the end of what it says of the host."""
    said = libvirt.virsh(state, ("virsh", "-q", "-c", operands[0], "version; capabilities"), b"")
    return Result(0, said.out.partition(b"</host>\n")[0] + b"</host>\n" if said.out else b"", said.err)


def _kvm(state: State, operands: tuple[str, ...]) -> Result:
    return Result(0, b"1\n") if state.kvm else Result(1, b"0\n")


def _systemctl(state: State, argv: tuple[str, ...], stdin: bytes) -> Result:
    if argv[1:] != ("is-system-running",):
        raise UnknownError
    return Result(int(state.services != "running"), f"{state.services}\n".encode())


def _shut_down(state: State, operands: tuple[str, ...]) -> Result:
    """The guest asked; while it does not go, `patience` seconds of looking; then its process ended."""
    name = operands[0]
    asked = libvirt.virsh(state, ("virsh", "-q", "-c", domain.URI, "shutdown", "--domain", name), b"")
    found = libvirt.find(state, name)
    if found and found.active:
        libvirt.end(state, found, "destroyed")
    return Result(0, b"", asked.err)


def _domain_ended(state: State, operands: tuple[str, ...]) -> Result:
    """Whether no process is left of the domain."""
    found = libvirt.find(state, operands[0])
    return Result(int(found is not None and found.active))


def _domain_undefined(state: State, operands: tuple[str, ...]) -> Result:
    """Whether libvirt knows the domain no more."""
    return Result(int(libvirt.find(state, operands[0]) is not None))


FED = {**volumes.SCRIPTS, **libvirt.FED}
"""Those that read what they are given."""
SCRIPTS: dict[str, Callable[[State, tuple[str, ...]], Result]] = {
    disk.SCRIPT: _headers,
    compute.SCRIPT: _compute,
    create_disks.CREATE: disks.create_disks,
    hypervisor.SCRIPT: _hypervisor,
    kvm.SCRIPT: _kvm,
    shut_down_domain.SCRIPT: _shut_down,
    power.ENDED: _domain_ended,
    define_domain.UNDEFINED: _domain_undefined,
    **images.SCRIPTS,
    **iproute.SCRIPTS,
    **libvirt.SCRIPTS,
    **namespaces.SCRIPTS,
    **netfilter.SCRIPTS,
    **openvswitch.SCRIPTS,
    **processes.SCRIPTS,
}
PROGRAMS = {
    **coreutils.PROGRAMS,
    **disks.PROGRAMS,
    **iproute.PROGRAMS,
    **namespaces.PROGRAMS,
    **libvirt.PROGRAMS,
    **openvswitch.PROGRAMS,
    **volumes.PROGRAMS,
    "sh": _sh,
    "systemctl": _systemctl,
}
