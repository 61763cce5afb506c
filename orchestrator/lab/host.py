"""One practice host: its own files, its start, its end."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import time
import uuid
from pathlib import Path

from orchestrator.lab import folder as folders
from orchestrator.lab import programs, switch
from orchestrator.model import errors
from orchestrator.model.lab import LabHostState

_INIT = Path(__file__).with_name("host-init.sh")
_ANSWERS_WITHIN = 60.0  # s, for sshd after a start; it takes one
_DIES_WITHIN = 20.0  # s, for all processes of a host after SIGKILL
_PAUSE = 0.05  # s
_LAST_WORDS = 600  # characters of the boot log worth showing

_VAR = ("cache/libvirt", "lib/libvirt", "lib/misc", "lib/nova/instances", "log/libvirt/qemu", "spool")
_SSHD = """# As Debian ships it, without what this machine's own sshd was told: limits, ciphers, all stock.
Include /etc/ssh/sshd_config.d/*.conf
KbdInteractiveAuthentication no
UsePAM yes
X11Forwarding yes
PrintMotd no
AcceptEnv LANG LC_*
Subsystem sftp /usr/lib/openssh/sftp-server
"""
# A namespace has no cgroups, no security modules and no file ownership records of its own. QEMU runs as root.
_QEMU = """user = "root"
group = "root"
security_driver = "none"
cgroup_controllers = []
namespaces = []
remember_owner = 0
"""
_LIBVIRTD = 'host_uuid_source = "machine-id"\n'  # the mainboard's is every host's: libvirt would not migrate to "itself"


def make(folder: folders.Folder, record: folders.Record, number: int) -> None:
    """Make host `number`'s own files, unless they are there: whole or not at all."""
    path = folder.host(number)
    if path.exists():
        return
    part = path.with_name(path.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    _etc(part / "etc", path.name, record.address(number))
    for own in ("home", "root/.ssh", *(f"var/{place}" for place in _VAR)):
        (part / own).mkdir(parents=True)
    for own in ("tmp", "var/tmp"):
        (part / own).mkdir()
        (part / own).chmod(0o1777)
    for own, target in (("run", "/run"), ("lock", "/run/lock")):
        (part / "var" / own).symlink_to(target)
    for own in ("root", "root/.ssh"):
        (part / own).chmod(0o700)
    part.rename(path)


def admit(folder: folders.Folder, number: int) -> None:
    """Let the lab's key into host `number`, beside those that are there."""
    path = folder.host(number) / "root/.ssh/authorized_keys"
    key = folder.key.with_suffix(".pub").read_text()
    known = path.read_text() if path.exists() else ""
    if key not in known:
        path.write_text(known + key)


def _etc(etc: Path, name: str, address: str) -> None:
    """A copy of this machine's /etc, less what is this machine's own: its names, ssh keys, domains, networks, resolver."""
    etc.parent.mkdir()
    programs.run(("cp", "-a", "--", "/etc", str(etc)), name)
    for own in ("ssh", "libvirt", "resolv.conf", "machine-id", "hostname", "hosts"):
        _remove(etc / own)
    (etc / "machine-id").write_text(uuid.uuid4().hex + "\n")
    (etc / "hostname").write_text(name + "\n")
    (etc / "hosts").write_text(f"127.0.0.1 localhost\n::1 localhost ip6-localhost\n{address} {name}\n")
    (etc / "resolv.conf").write_text("")  # with a server that is not there, every `virsh start` would wait 10 s for it
    (etc / "ssh/sshd_config.d").mkdir(parents=True)
    (etc / "ssh/sshd_config").write_text(_SSHD)
    programs.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(etc / "ssh/ssh_host_ed25519_key")), name)
    (etc / "libvirt/qemu").mkdir(parents=True)
    if Path("/etc/libvirt/nwfilter").is_dir():
        shutil.copytree("/etc/libvirt/nwfilter", etc / "libvirt/nwfilter")
    (etc / "libvirt/qemu.conf").write_text(_QEMU)
    (etc / "libvirt/libvirtd.conf").write_text(_LIBVIRTD)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def start(folder: folders.Folder, record: folders.Record, number: int) -> None:
    """Boot the host: new namespaces, a new boot id, the daemons. Returns before they answer; see `await_answer`."""
    path, namespace = folder.host(number), switch.namespace(folder.name, number)
    stop(folder.name, number)
    switch.connect(folder, record, number)
    (path / "boot_id").write_text(f"{uuid.uuid4()}\n")
    role = "storage" if number == folders.STORAGE else "compute"
    enter = ("nsenter", f"--net=/run/netns/{namespace}", "setsid", "--fork")
    isolate = ("unshare", "--mount", "--propagation", "slave", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc")
    programs.start((*enter, *isolate, "bash", str(_INIT), path.name, str(path), role), path.name, path / "boot.log")


def await_answer(folder: folders.Folder, record: folders.Record, number: int) -> None:
    """Return when the host's sshd answers, which it does last. Raises OrchestratorError with the end of its boot log if it never does."""
    path = folder.host(number)
    deadline = time.monotonic() + _ANSWERS_WITHIN
    while not answers(record.address(number)):
        if time.monotonic() > deadline or not _processes(folder.name, number):
            log = (path / "boot.log").read_text(errors="replace").strip()[-_LAST_WORDS:]
            hint = f"the whole of it is in {path / 'boot.log'}; `orchestrator lab down --name {folder.name}` clears up"
            raise errors.OrchestratorError("the practice host does not answer", path.name, log or "its boot log is empty", hint)
        time.sleep(_PAUSE)


def answers(address: str) -> bool:
    """Whether an SSH server greets on port 22."""
    try:
        with socket.create_connection((address, 22), timeout=1) as connection:
            connection.settimeout(5)
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def state(record: folders.Record, number: int, pid: int | None) -> LabHostState:
    """What the host is, when `pid` is its first process."""
    if pid is None:
        return LabHostState.STOPPED
    return LabHostState.RUNNING if answers(record.address(number)) else LabHostState.UNREACHABLE


def first_process(lab: str, number: int) -> int | None:
    """The host's first process, as this machine counts; None when it does not run."""
    return next((pid for pid in _processes(lab, number) if _is_first(pid)), None)


def stop(lab: str, number: int) -> None:
    """Cut the host's power: kill all its processes, guests too, and wait until they are gone."""
    deadline = time.monotonic() + _DIES_WITHIN
    while alive := _processes(lab, number):
        if time.monotonic() > deadline:
            why = f"processes {', '.join(map(str, alive))} outlive SIGKILL"
            raise errors.OrchestratorError("cannot stop the practice host", f"{lab}{number}", why, "`ps` tells what they wait for")
        for pid in alive:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(_PAUSE)


def _processes(lab: str, number: int) -> tuple[int, ...]:
    """Every process in the host's network namespace, found by the kernel's own records: no pid file can be stale."""
    namespace = switch.namespace(lab, number)
    if namespace not in switch.namespaces(lab):
        return ()
    found = programs.run(("ip", "netns", "pids", namespace), f"{lab}{number}")
    return tuple(int(pid) for pid in found.split())


def _is_first(pid: int) -> bool:
    """Whether the process is number 1 of a pid namespace directly below this machine's."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    numbers = next((line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:")), [])
    return len(numbers) == 2 and numbers[1] == "1"  # here, and inside
