"""The Lab port over this machine's kernel: labs of practice hosts."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from orchestrator.lab import access, guest, packages, subnet, switch
from orchestrator.lab import folder as folders
from orchestrator.lab import host as machines
from orchestrator.model import errors
from orchestrator.model.lab import LabHost, LabHostState, LabStatus

_DEFAULT, _MOST = 2, 200  # hosts; a /24 has room for no more beside this machine's address
_BRIDGE_NETFILTER = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")


class PracticeHosts:
    """Labs below one folder. Safe against other processes: one command at a time changes labs."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def up(self, name: str, hosts: int | None) -> LabStatus:
        """See ports.lab.Lab."""
        folder = folders.named(self._root, name)
        if hosts is not None and not 1 <= hosts <= _MOST:
            raise errors.UsageError(f"cannot have {hosts} hosts", "--hosts", f"a lab has 1 to {_MOST}")
        with _plainly("lab up", name):
            _need_root()
            _need_packages(packages.HOSTS)
            with folders.lock(self._root, "labs"):
                _need_ownership(folder)
                _need_bridge_netfilter()
                return self._up(folder, hosts)

    def _up(self, folder: folders.Folder, hosts: int | None) -> LabStatus:
        known = folders.read(folder)
        if known is None:
            _remove_wires(folder.name)  # of a lab whose folder somebody took away
        count = max(hosts or 0, known.hosts if known else 0) or _DEFAULT
        record = folders.Record(known.subnet if known else self._free_subnet(folder.name), count)
        _need_subnet(folder.name, record.subnet)
        folders.write(folder, record)
        access.make_key(folder)
        switch.make(folder, record)
        numbers = range(1, count + 1)
        for number in numbers:
            machines.make(folder, record, number)
            machines.admit(folder, number)
        access.write(folder, record)
        _boot(folder, record, [number for number in numbers if not _runs(folder, record, number)])
        return _status(folder, record)

    def _free_subnet(self, name: str) -> str:
        recorded = (f"{record.subnet}.0/24" for record in folders.records(self._root))
        return subnet.pick(name, (*switch.in_use(), *recorded))

    def down(self, name: str) -> bool:
        """See ports.lab.Lab."""
        folder = folders.named(self._root, name)
        with _plainly("lab down", name):
            _need_root()
            if not _traces(folder):
                return False
            with folders.lock(self._root, "labs"):
                _need_ownership(folder)
                _remove_wires(name)
                if folder.path.exists():
                    shutil.rmtree(folder.path)
                return True

    def reboot(self, name: str, hosts: Sequence[str]) -> LabStatus:
        """See ports.lab.Lab."""
        folder = folders.named(self._root, name)
        with _plainly("lab reboot", name):
            _need_root()
            with folders.lock(self._root, "labs"):
                _need_ownership(folder)
                record = self._record(folder)
                numbers = {folder.host(number).name: number for number in range(1, record.hosts + 1)}
                for host in hosts:
                    if host not in numbers:
                        raise errors.NotFound(f"no practice host {host!r}", f"lab '{name}'", f"it has {', '.join(numbers)}")
                chosen = [numbers[host] for host in dict.fromkeys(hosts)]
                for number in chosen:
                    machines.stop(name, number)
                _boot(folder, record, chosen)
                return _status(folder, record)

    def status(self, name: str) -> LabStatus:
        """See ports.lab.Lab."""
        folder = folders.named(self._root, name)
        with _plainly("lab status", name):
            _need_root()
            return _status(folder, self._record(folder))

    def ssh(self, name: str, host: str, argv: Sequence[str]) -> int:
        """See ports.lab.Lab."""
        folder = folders.named(self._root, name)
        with _plainly("lab ssh", name):
            _need_root()
            record = self._record(folder)
            addresses = {f"{name}{number}": record.address(number) for number in range(1, record.hosts + 1)}
            if host not in addresses:
                raise errors.NotFound(f"no practice host {host!r}", f"lab '{name}'", f"it has {', '.join(addresses)}")
            if not machines.answers(addresses[host]):
                hint = f"see `orchestrator lab status --name {name}`; `orchestrator lab up --name {name}` starts it again"
                raise errors.Unreachable("the practice host does not answer", host, hint=hint)
            return subprocess.run((*access.ssh(folder, addresses[host]), *argv), check=False).returncode

    def image(self, path: Path | None) -> Path:
        """See ports.lab.Lab."""
        with _plainly("lab image", str(path or self._root)):
            _need_packages(packages.GUEST)
            with folders.lock(self._root, "image"):
                return guest.image(self._root, path)

    def _record(self, folder: folders.Folder) -> folders.Record:
        if record := folders.read(folder):
            return record
        hint = f"make it with `orchestrator lab up --name {folder.name}`"
        raise errors.NotFound(f"no lab '{folder.name}'", str(self._root), hint=hint)


def _boot(folder: folders.Folder, record: folders.Record, numbers: Sequence[int]) -> None:
    """Start hosts, and wait until they answer."""
    for number in numbers:
        machines.start(folder, record, number)
    for number in numbers:
        machines.await_answer(folder, record, number)


def _runs(folder: folders.Folder, record: folders.Record, number: int) -> bool:
    return machines.state(record, number, machines.first_process(folder.name, number)) is LabHostState.RUNNING


def _status(folder: folders.Folder, record: folders.Record) -> LabStatus:
    hosts = (_host(folder, record, number) for number in range(1, record.hosts + 1))
    return LabStatus(folder.name, f"{record.subnet}.0/24", folder.inventory, folder.known_hosts, tuple(hosts))


def _host(folder: folders.Folder, record: folders.Record, number: int) -> LabHost:
    pid = machines.first_process(folder.name, number)
    state = machines.state(record, number, pid)
    name, address = folder.host(number).name, record.address(number)
    return LabHost(name, address, access.PORT, access.USER, folder.key, state, pid)


def _need_root() -> None:
    if os.geteuid():
        why = "namespaces, bridges and libvirt's system daemon are made by root alone"
        raise errors.OrchestratorError("practice hosts need root", "lab", why, "run the same command with `sudo`")


def _need_packages(wanted: tuple[str, ...]) -> None:
    try:
        missing = packages.missing(wanted)
    except FileNotFoundError as error:
        why = "they are made of Debian's packages, and this machine has no dpkg"
        raise errors.OrchestratorError("practice hosts cannot live here", "lab", why, "use a Debian 12 machine") from error
    if missing:
        hint = f"install them with `apt-get install --yes --no-install-recommends {' '.join(missing)}`"
        raise errors.OrchestratorError("packages are missing", "lab", ", ".join(missing), hint)


def _traces(folder: folders.Folder) -> bool:
    """Whether there is anything of the lab: its folder, its link, a namespace."""
    return folder.path.exists() or switch.owner(folder.name) is not None or bool(switch.namespaces(folder.name))


def _remove_wires(name: str) -> None:
    """Kill the lab's hosts and take its namespaces and its link away, whatever there is of them."""
    for number in switch.numbers(name):
        machines.stop(name, number)
    switch.remove(name)


def _need_ownership(folder: folders.Folder) -> None:
    """Refuse to touch a lab of the same name that another folder's record speaks of, or a link that is no lab's."""
    owner, what = switch.owner(folder.name), f"there is another '{folder.name}' on this machine"
    if owner is None or owner == switch.alias(folder):
        return
    if not owner:
        raise errors.Conflict(what, "lab", f"the link {folder.name}-0 is no lab's", "choose another --name")
    if Path(owner).exists():
        hint = f"set ORCHESTRATOR_LAB_DIR={Path(owner).parent}, or choose another --name"
        raise errors.Conflict(what, "lab", f"it is kept in {owner}", hint)


def _need_subnet(name: str, prefix: str) -> None:
    """Refuse a subnet that something else came to use while the lab's link was not there, as after a reboot."""
    if switch.owner(name) is None and not subnet.free(prefix, switch.in_use()):
        hint = f"make the lab anew: `orchestrator lab down --name {name}`, then `lab up`"
        raise errors.Conflict(f"the lab's subnet {prefix}.0/24 is in use", name, "an address or a route of this machine overlaps it", hint)


def _need_bridge_netfilter() -> None:
    """Have the kernel judge bridged packets by iptables, as it does on every compute host with a firewall."""
    if not _BRIDGE_NETFILTER.exists() and not switch.load_bridge_netfilter():
        why = f"{_BRIDGE_NETFILTER} is not there, and `modprobe br_netfilter` failed"
        raise errors.OrchestratorError("the kernel lacks br_netfilter", "lab", why, "use a kernel that has this module")


@contextlib.contextmanager
def _plainly(verb: str, where: str) -> Iterator[None]:
    """Let no OSError out but as an error for the operator."""
    try:
        yield
    except OSError as error:
        raise errors.OrchestratorError(f"`{verb}` failed", where, str(error)) from error
