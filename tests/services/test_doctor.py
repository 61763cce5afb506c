"""Doctor and ping: the judgement of each answer, and a real run of the commands on this machine."""

from __future__ import annotations

import datetime
import os
import subprocess
import time
from collections.abc import Callable

import pytest
from msgspec import structs

from orchestrator.commands.command import Batch, Record
from orchestrator.model.errors import HostError, Unreachable
from orchestrator.model.host import Host
from orchestrator.services import checks, doctor, ping
from orchestrator.services.checks import Level

HERE = Host("here", "here", connection="local")


class ThisMachine:
    """A transport that runs reads right here; a host called `gone` cannot be reached."""

    prefix: tuple[str, ...] = ()

    def run(self, host: Host, batch: Batch, on_record: Callable[[Record], None]) -> tuple[Record, ...]:
        assert not batch.lanes, "doctor only reads"
        if host.name == "gone":
            raise Unreachable("cannot connect", "gone", "Connection refused", "is sshd running?")
        argvs = [(*self.prefix, *read.argv) for read in batch.reads]
        ended = [subprocess.run(argv, capture_output=True, stdin=subprocess.DEVNULL, timeout=60) for argv in argvs]
        return tuple(Record("", i, "done", end.returncode, end.stdout, end.stderr.decode()) for i, end in enumerate(ended))

    def trips(self, host: str) -> int:
        return 0

    def close(self) -> None:
        return None


class ThisClock:
    def now(self) -> str:
        return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def judged(check: str, output: str, code: int = 0, error: str = "", host: Host = HERE) -> checks.Finding:
    row = next(row for row in checks.CHECKS if row.name == check)
    return row.judge(checks.Subject(host, 1000.0, 1003.0), Record("", 0, "done", code, output.encode(), error))


KVM, QEMU = Host("here", "here", virt_type="kvm"), Host("here", "here", virt_type="qemu")
REFUSED = "error: failed to connect to the hypervisor\nerror: No such file or directory"


@pytest.mark.parametrize(
    ("finding", "level", "detail", "mend"),
    [
        (judged("clock", "1001.5"), Level.OK, "agrees", ""),
        (judged("clock", "1007.9"), Level.OK, "agrees", ""),
        (judged("clock", "1063.0"), Level.WARNING, "60 s away", "timedatectl"),
        (judged("clock", "0.0"), Level.WARNING, "1000 s away", "timedatectl"),
        (judged("clock", "%s"), Level.FAILED, "unexpected answer: %s", "date"),
        (judged("rights", "0\nroot\n"), Level.OK, "as root", ""),
        (judged("rights", "1000\nops\nworks\n"), Level.FAILED, "not as root", "ansible_become: true"),
        (judged("rights", "1000\nops\n"), Level.FAILED, "may not", "'ops ALL=(root) NOPASSWD: ALL' > /etc/sudoers.d/orchestrator"),
        (judged("rights", "1000\nops\napt-get\n"), Level.FAILED, "there is no sudo", "apt-get install -y sudo && echo"),
        (judged("tools", "apt-get\n"), Level.OK, "all there", ""),
        (
            judged("tools", "apt-get\nvirsh\nflock\ntee\n"),
            Level.FAILED,
            "virsh, flock, tee",
            "apt-get install -y coreutils libvirt-clients util-linux",
        ),
        (judged("tools", "dnf\nvirsh\n"), Level.FAILED, "virsh", "dnf install -y libvirt-client"),
        (judged("fetching", "apt-get\ncurl\nwget\n"), Level.OK, "with curl", ""),
        (judged("fetching", "dnf\n"), Level.WARNING, "neither curl nor wget", "dnf install -y curl"),
        (judged("libvirt", "Using library: libvirt 9.0.0\nRunning hypervisor: QEMU 7.2.0\n"), Level.OK, "libvirt 9.0.0, QEMU 7.2.0", ""),
        (judged("libvirt", "1000\n", 1, REFUSED), Level.FAILED, "only root", "rights"),
        (judged("libvirt", "0\n", 1, REFUSED), Level.FAILED, "hypervisor: No such file", "systemctl enable --now libvirtd.socket"),
        (judged("libvirt", "", 127, "virsh: not found"), Level.FAILED, "not there", "tools"),
        (judged("libvirt", "", 124), Level.FAILED, "no answer within 15 s", "virsh"),
        (judged("qemu", "QEMU emulator version 7.2.0\nCopyright\n"), Level.OK, "version 7.2.0", ""),
        (judged("qemu", "apt-get x86_64\n", 1), Level.FAILED, "no qemu-system-x86_64", "apt-get install -y qemu-system-x86"),
        (judged("devices", "dmar0\n"), Level.OK, "the IOMMU is on", ""),
        (judged("devices", "none\n"), Level.FAILED, "the IOMMU is off", "intel_iommu=on"),
        (judged("devices", "none\n0000:81:00.0\n0000:82:00.0\n"), Level.FAILED, "not there: 0000:81:00.0, 0000:82:00.0", "lspci -D"),
        (judged("kvm", "1\nthere\n2\n"), Level.OK, "firmware ran", ""),
        (judged("kvm", "0\nthere\n2\n", 0, "", QEMU), Level.OK, "not used", ""),
        (judged("kvm", "0\nthere\n2\n"), Level.WARNING, "emulated", "dmesg"),
        (judged("kvm", "0\nmissing\n2\n", 0, "", KVM), Level.FAILED, "though virt_type is kvm", "modprobe kvm_intel"),
        (judged("kvm", "0\nmissing\n0\n", 1), Level.WARNING, "emulated", "firmware"),
        (judged("bridge-nf", "1\n1\n"), Level.OK, "pass iptables", ""),
        (judged("bridge-nf", "1\n0\n"), Level.WARNING, "is off", "modprobe br_netfilter && sysctl -w"),
        (judged("bridge-nf", "", 1), Level.WARNING, "is not loaded", "modprobe br_netfilter"),
        (judged("filters", "apt-get\n"), Level.OK, "all there", ""),
        (
            judged("filters", "apt-get\nipset\nconntrack\n"),
            Level.WARNING,
            "missing: ipset, conntrack",
            "apt-get install -y conntrack ipset",
        ),
        (judged("filters", "dnf\nebtables-restore\n"), Level.WARNING, "without port security", "dnf install -y iptables-nft"),
        (judged("disk", "500 / 1\n"), Level.OK, "500 GiB free", ""),
        (judged("disk", "5 /var 1\n"), Level.WARNING, "5 GiB free", "du -xh --max-depth=2 /var"),
        (judged("disk", "0 /var 1\n"), Level.FAILED, "0 GiB free", "du -xh"),
        (judged("disk", "500 /var 0\n"), Level.FAILED, "cannot be written", "remount,rw /var"),
        (judged("sessions", "maxsessions 10\n"), Level.OK, "MaxSessions 10", ""),
        (judged("sessions", "maxsessions 1\n"), Level.WARNING, "MaxSessions 1", "sshd_config.d"),
        (judged("sessions", "", 1), Level.OK, "cannot be read", ""),
        (judged("name", "here 12\n", 2), Level.OK, "here in 12 ms", ""),
        (judged("name", "here 10020\n"), Level.WARNING, "takes 10020 ms", "echo '127.0.1.1 here' >> /etc/hosts"),
        (judged("name", ""), Level.FAILED, "unexpected answer: nothing", "getent"),
    ],
)
def test_judgements(finding: checks.Finding, level: Level, detail: str, mend: str) -> None:
    assert (finding.level, detail in finding.detail, mend in finding.mend) == (level, True, True)
    assert bool(finding.mend) == (level is not Level.OK)


def test_every_check_is_answered_on_a_real_machine() -> None:
    gone = Host("gone", "gone")
    here, lost = doctor.doctor(ThisMachine(), ThisClock(), [HERE, gone], 4)
    asked = [check.name for check in checks.CHECKS if check.applies(HERE)]
    assert [finding.check for finding in here.findings] == ["connection", *asked]
    assert not [finding for finding in here.findings if "unexpected answer" in finding.detail]
    assert {"sessions", "devices"} & set(asked) == set()
    assert (lost.reached, lost.level) == (False, Level.FAILED)
    assert lost.findings[0].detail == "not reached: cannot connect: Connection refused"
    assert lost.findings[0].mend == "is sshd running?"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")
def test_where_sudo_fails_the_rights_are_the_trouble() -> None:
    """The inventory says become, the host's sudo says no: everything else is still examined, as the plain user."""

    class WithoutSudo(ThisMachine):
        prefix = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")

        def run(self, host: Host, batch: Batch, on_record: Callable[[Record], None]) -> tuple[Record, ...]:
            if host.become:
                raise HostError("sudo -n refused", "here", "a password is required")
            return super().run(host, batch, on_record)

    (here,) = doctor.doctor(WithoutSudo(), ThisClock(), [structs.replace(HERE, become=True)], 1)
    troubles = {finding.check: finding for finding in here.findings if finding.level is Level.FAILED}
    assert here.reached
    assert "commands run as nobody" in troubles["rights"].detail
    assert "ansible_become" not in troubles["rights"].mend
    assert troubles["libvirt"].mend == "see 'rights'"
    assert "disk" not in troubles


def test_devices_that_a_real_machine_does_not_have() -> None:
    offering = structs.replace(HERE, pci_devices={"gpu": ("ffff:ff:1f.7",)})
    (here,) = doctor.doctor(ThisMachine(), ThisClock(), [offering], 1)
    (found,) = (finding for finding in here.findings if finding.check == "devices")
    assert (found.level, found.detail) == (Level.FAILED, "not there: ffff:ff:1f.7")


def test_checks_change_nothing() -> None:
    """One batch without lanes: a batch that cannot change anything."""
    batches = []

    class Watching(ThisMachine):
        def run(self, host: Host, batch: Batch, on_record: Callable[[Record], None]) -> tuple[Record, ...]:
            batches.append(batch)
            return super().run(host, batch, on_record)

    doctor.doctor(Watching(), ThisClock(), [HERE], 1)
    ping.ping(Watching(), ThisClock(), [HERE], 1)
    assert [batch.lanes for batch in batches] == [(), ()]


def test_ping() -> None:
    here, gone = ping.ping(ThisMachine(), ThisClock(), [HERE, Host("gone", "gone")], 4)
    assert here.error is None
    assert here.user
    assert isinstance(gone.error, Unreachable)
    assert ping.ping(ThisMachine(), ThisClock(), [], 4) == ()
