"""What doctor looks at, as a table: a command that only reads, and a pure judgement of its answer with the command that mends it."""

from __future__ import annotations

import enum
import shlex
from collections.abc import Callable

from msgspec import Struct

from orchestrator.commands.command import Command, Record
from orchestrator.facts import kvm
from orchestrator.model.host import Host

ANY_EXIT = tuple(range(256))
SKEW_LIMIT = 5  # seconds
DISK_LOW, DISK_FULL = 10, 1  # GiB free
SESSIONS_LOW = 4
NAME_SLOW = 1000  # ms
PACKAGES = {  # tool -> Debian's package, Fedora's package
    "virsh": ("libvirt-clients", "libvirt-client"),
    "qemu-img": ("qemu-utils", "qemu-img"),
    "ip": ("iproute2", "iproute"),
    **dict.fromkeys(("flock", "prlimit", "setsid"), ("util-linux", "util-linux")),
    "awk": ("mawk", "gawk"),
    **dict.fromkeys(("timeout", "base64", "sha256sum", "sync", "nproc", "tee", "od"), ("coreutils", "coreutils")),
}

FILTERS = {  # the same of what security groups need
    **dict.fromkeys(("iptables-restore", "ip6tables-restore"), ("iptables", "iptables-nft")),
    "ebtables-restore": ("ebtables", "iptables-nft"),
    "ipset": ("ipset", "ipset"),
    "conntrack": ("conntrack", "conntrack-tools"),
}


class Level(enum.IntEnum):
    """How bad a finding is."""

    OK = 0
    WARNING = 1
    FAILED = 2


class Finding(Struct, frozen=True):
    """What a check found; `mend` is a command for the host's shell, or what to do when no command can."""

    check: str
    level: Level
    detail: str
    mend: str = ""


class Subject(Struct, frozen=True):
    """The host that was examined, and the controller's time before and after (seconds since 1970)."""

    host: Host
    before: float
    after: float


class Check(Struct, frozen=True):
    """One row: what to run on which hosts, and what its answer means."""

    name: str
    script: str  # for sh; $1 and on: `arguments`
    judgement: Callable[[Subject, Record], tuple[Level, str, str]]
    arguments: Callable[[Host], tuple[str, ...]] = lambda host: ()
    applies: Callable[[Host], bool] = lambda host: True
    timeout: int = 15  # seconds

    def command(self, host: Host) -> Command:
        return Command(("sh", "-c", self.script, self.name, *self.arguments(host)), accepts=ANY_EXIT, timeout=self.timeout)

    def judge(self, about: Subject, record: Record) -> Finding:
        """The finding. A command that ran out of time, or whose answer makes no sense, is a finding too."""
        if record.code in (124, 137):
            return Finding(
                self.name, Level.FAILED, f"no answer within {self.timeout} s", f"try it there: {self.command(about.host).shown()}"
            )
        try:
            return Finding(self.name, *self.judgement(about, record))
        except (ValueError, IndexError):
            said = (record.error or _text(record)).strip()[-200:]
            return Finding(
                self.name, Level.FAILED, f"unexpected answer: {said or 'nothing'}", f"try it there: {self.command(about.host).shown()}"
            )


def _text(record: Record) -> str:
    return record.output.decode(errors="replace").strip()


def _clock(about: Subject, record: Record) -> tuple[Level, str, str]:
    there = float(_text(record))
    skew = max(about.before - there, there - about.after, 0)
    level = Level.OK if skew <= SKEW_LIMIT else Level.WARNING
    detail = "agrees with this machine" if level is Level.OK else f"{skew:.0f} s away from this machine's clock"
    return level, detail, "" if level is Level.OK else "timedatectl set-ntp true"


def _rights(about: Subject, record: Record) -> tuple[Level, str, str]:
    uid, user, *sudo = _text(record).split()
    if uid == "0":
        return Level.OK, "commands run as root", ""
    if sudo == ["works"]:
        return Level.FAILED, f"commands run as {user}, not as root", "set 'ansible_become: true' for this host in the inventory"
    trouble = "and there is no sudo" if sudo else "who may not 'sudo -n'"
    rule = shlex.quote(f"{user} ALL=(root) NOPASSWD: ALL")
    mend = f"echo {rule} > /etc/sudoers.d/orchestrator && chmod 0440 /etc/sudoers.d/orchestrator  # as root"
    if sudo:
        mend = f"{sudo[0]} install -y sudo && {mend}"
    if not about.host.become:
        mend = f"{mend}; and set 'ansible_become: true' in the inventory"
    return Level.FAILED, f"commands run as {user}, {trouble}", mend


def _tools(about: Subject, record: Record) -> tuple[Level, str, str]:
    installer, *missing = _text(record).split()
    if not missing:
        return Level.OK, "all there", ""
    packages = sorted({PACKAGES[tool][installer == "dnf"] for tool in missing if tool in PACKAGES})
    return Level.FAILED, f"missing: {', '.join(missing)}", f"{installer} install -y {' '.join(packages)}"


def _fetching(about: Subject, record: Record) -> tuple[Level, str, str]:
    installer, *found = _text(record).split()
    if found:
        return Level.OK, f"images are fetched with {found[0]}", ""
    return Level.WARNING, "neither curl nor wget: images from http(s) addresses cannot be fetched here", f"{installer} install -y curl"


def _libvirt(about: Subject, record: Record) -> tuple[Level, str, str]:
    if record.code == 0:
        versions = [line.split(":", 1)[1].strip() for line in _text(record).splitlines() if line.startswith(("Using library", "Running"))]
        return Level.OK, ", ".join(versions) or "answers", ""
    if record.code == 127:
        return Level.FAILED, "virsh is not there", "see 'tools'"
    if _text(record) != "0":
        return Level.FAILED, "only root is sure to reach it", "see 'rights'"
    why = ": ".join(line.removeprefix("error: ") for line in record.error.splitlines() if line)
    return Level.FAILED, f"does not answer: {why}", "systemctl enable --now libvirtd.socket virtlogd.socket"


def _qemu(about: Subject, record: Record) -> tuple[Level, str, str]:
    if record.code == 0:
        return Level.OK, _text(record).splitlines()[0], ""
    installer, machine = _text(record).split()
    package = "qemu-kvm" if installer == "dnf" else "qemu-system-x86" if machine == "x86_64" else "qemu-system"
    return Level.FAILED, f"no qemu-system-{machine}", f"{installer} install -y {package}"


def _kvm(about: Subject, record: Record) -> tuple[Level, str, str]:
    works, device, flags = _text(record).split()
    wanted = about.host.virt_type
    if works == "1":
        return Level.OK, "a guest's firmware ran under it", ""
    if wanted == "qemu":
        return Level.OK, "not used: virt_type is qemu", ""
    level = Level.FAILED if wanted == "kvm" else Level.WARNING
    detail = "a guest does not run under KVM" + ("; guests will be emulated, and slow" if wanted is None else ", though virt_type is kvm")
    if flags == "0":
        return (
            level,
            detail,
            "switch VT-x or AMD-V on in the firmware (in a virtual machine: nested virtualization); or set virt_type: qemu",
        )
    if device == "missing":
        return level, detail, "modprobe kvm_intel || modprobe kvm_amd"
    return level, detail, "look at 'dmesg | grep -i kvm'; or set virt_type: qemu for this host"


def _bridge_nf(about: Subject, record: Record) -> tuple[Level, str, str]:
    values = _text(record).split()
    if values == ["1", "1"]:
        return Level.OK, "bridged packets pass iptables", ""
    settings = "net.bridge.bridge-nf-call-iptables=1 net.bridge.bridge-nf-call-ip6tables=1"
    lasting = "echo br_netfilter > /etc/modules-load.d/orchestrator.conf; printf '%s\\n'"
    mend = f"modprobe br_netfilter && sysctl -w {settings}; {lasting} {settings} > /etc/sysctl.d/90-orchestrator.conf"
    what = "is not loaded" if not values else "is off"
    return Level.WARNING, f"br_netfilter {what}: security groups cannot filter, so only guests without port security can start", mend


def _filters(about: Subject, record: Record) -> tuple[Level, str, str]:
    installer, *missing = _text(record).split()
    if not missing:
        return Level.OK, "all there", ""
    packages = sorted({FILTERS[tool][installer == "dnf"] for tool in missing if tool in FILTERS})
    what = f"missing: {', '.join(missing)}; only guests without port security can start"
    return Level.WARNING, what, f"{installer} install -y {' '.join(packages)}"


def _disk(about: Subject, record: Record) -> tuple[Level, str, str]:
    free, mount, writable = _text(record).rsplit(maxsplit=2)
    path = about.host.instances_path
    if writable != "1":
        return Level.FAILED, f"{mount}, which holds {path}, cannot be written", f"mount -o remount,rw {mount}"
    level = Level.FAILED if int(free) < DISK_FULL else Level.WARNING if int(free) < DISK_LOW else Level.OK
    mend = "" if level is Level.OK else f"du -xh --max-depth=2 {mount} | sort -h | tail; or set instances_path to a larger file system"
    return level, f"{free} GiB free for {path}", mend


def _sessions(about: Subject, record: Record) -> tuple[Level, str, str]:
    words = _text(record).split()
    if not words:
        return Level.OK, "sshd's settings cannot be read; its own default is 10", ""
    most = int(words[-1])
    if most >= SESSIONS_LOW:
        return Level.OK, f"MaxSessions {most}", ""
    mend = "echo 'MaxSessions 10' > /etc/ssh/sshd_config.d/00-orchestrator.conf && systemctl reload ssh"
    return Level.WARNING, f"MaxSessions {most}: little can be done at once over one connection", mend


def _own_name(about: Subject, record: Record) -> tuple[Level, str, str]:
    name, milliseconds = _text(record).split()
    if int(milliseconds) < NAME_SLOW:
        return Level.OK, f"{name} in {milliseconds} ms", ""
    mend = f"echo {shlex.quote(f'127.0.1.1 {name}')} >> /etc/hosts"
    return Level.WARNING, f"looking up {name} takes {milliseconds} ms, and libvirt waits for it at every start", mend


def _devices(about: Subject, record: Record) -> tuple[Level, str, str]:
    iommu, *missing = _text(record).split()
    if missing:
        mend = "look with `lspci -D`, and mend pci_devices in the inventory"
        return Level.FAILED, f"not there: {', '.join(missing)}", mend
    if iommu == "none":
        mend = "add intel_iommu=on or amd_iommu=on to the kernel's command line, then reboot"
        return Level.FAILED, "there, but the IOMMU is off: no guest can have one", mend
    return Level.OK, "there, and the IOMMU is on", ""


INSTALLER = "i=apt-get; command -v apt-get >/dev/null || i=dnf; "

CHECKS = (
    Check("clock", "date +%s.%N", _clock),  # first: its place in time is known best
    Check(
        "rights",
        'id -u; id -un; [ "$(id -u)" = 0 ] || ! sudo -n true || { echo works; exit; }; '
        + INSTALLER
        + 'command -v sudo >/dev/null || echo "$i"',
        _rights,
    ),
    Check(
        "tools",
        INSTALLER + 'echo "$i"; for t; do command -v "$t" >/dev/null || echo "$t"; done',
        _tools,
        arguments=lambda host: tuple(PACKAGES),
    ),
    Check("fetching", INSTALLER + 'echo "$i"; for t in curl wget; do command -v "$t" >/dev/null && echo "$t"; done', _fetching),
    Check("libvirt", "virsh -c qemu:///system version || { c=$?; id -u; exit $c; }", _libvirt),
    Check(
        "qemu",
        'm=$(uname -m); "qemu-system-$m" --version || /usr/libexec/qemu-kvm --version || { ' + INSTALLER + 'echo "$i $m"; exit 1; }',
        _qemu,
    ),
    Check(
        "kvm",
        f"{kvm.SCRIPT} || true; [ -c /dev/kvm ] && echo there || echo missing; grep -c -w -E 'vmx|svm' /proc/cpuinfo",
        _kvm,
    ),
    Check("bridge-nf", "cd /proc/sys/net/bridge && cat bridge-nf-call-iptables bridge-nf-call-ip6tables", _bridge_nf),
    Check(
        "filters",
        INSTALLER + 'echo "$i"; for t; do command -v "$t" >/dev/null || echo "$t"; done',
        _filters,
        arguments=lambda host: tuple(FILTERS),
    ),
    Check(
        "disk",
        'p=$1; while [ ! -d "$p" ]; do p=${p%/*}; p=${p:-/}; done; w=1; [ -w "$p" ] || [ "$(id -u)" != 0 ] || w=0; '
        'df -P -B 1073741824 -- "$p" | awk -v w="$w" \'END { print $4, $6, w }\'',
        _disk,
        arguments=lambda host: (host.instances_path,),
    ),
    Check(
        "devices",
        'i=$(ls /sys/class/iommu 2>/dev/null | head -n 1); echo "${i:-none}"; '
        'for a; do [ -e "/sys/bus/pci/devices/$a" ] || echo "$a"; done',
        _devices,
        arguments=lambda host: tuple(address for addresses in host.pci_devices.values() for address in addresses),
        applies=lambda host: bool(host.pci_devices),
    ),
    Check("sessions", "sshd -T | grep -i '^maxsessions '", _sessions, applies=lambda host: host.connection == "ssh"),
    Check(
        "name",
        'n=$(uname -n); a=$(date +%s%N); timeout 12 getent ahosts "$n" >/dev/null; b=$(date +%s%N); echo "$n $(((b - a) / 1000000))"',
        _own_name,
        timeout=20,
    ),
)
