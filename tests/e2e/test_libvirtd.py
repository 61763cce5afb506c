"""libvirt's daemon killed, restarted, stopped in the middle of each way back: the command ends and says why, the other host is done, the same again mends the rest."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec import Struct

from tests.e2e import conftest
from tests.e2e.conftest import Lab, Operator

pytestmark = [pytest.mark.practice_hosts, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]

NAME = f"{conftest.NAME[:4]}d"
PLAY = """\
- hosts: {first}:{second}
  flavors: [{{name: tiny, vcpus: 1, ram: 32, disk: 1}}]
  images: [{{name: halt, source: "{image}", properties: {{os_shutdown_timeout: 1}}}}]
  networks:
    - {{name: tenant, provider: {{type: vxlan, segmentation_id: 2078}}, subnets: [{{cidr: 10.78.0.0/24}}]}}
  instances:
    - name: "vm-{{{{ item }}}}"
      loop: [1, 2, 3, 4]
      hosts: "{{{{ ['{second}', '{first}'][item % 2] }}}}"
      flavor: tiny
      image: halt
      networks: [{{network: tenant}}]
      restart_policy: {{condition: on-crash, max_attempts: 99, back_off: 1}}
"""
STRANGERS = (("theirs-1", "theirs-2"), ("theirs-3",))
STRANGER = """\
<domain type='qemu'><name>{name}</name><memory unit='MiB'>32</memory><vcpu>1</vcpu><os><type arch='x86_64'>hvm</type></os><devices>
<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/var/lib/libvirt/images/{name}.qcow2'/><target dev='vda' bus='virtio'/></disk>
</devices></domain>
"""
SAYS = re.compile(r"libvirt|virsh")
LASTS = 2
"""Seconds that a short stop lasts: less than anything waits for libvirt."""


class Host:
    """A practice host's libvirtd and QEMU, as this machine sees their processes: what is done to them comes at once."""

    def __init__(self, lab: Lab, name: str) -> None:
        self.lab, self.name = lab, name

    @property
    def inside(self) -> tuple[str, ...]:
        return ("nsenter", "--target", str(self.lab.hosts[self.name]["pid"]), *("--mount", "--net", "--pid", "--uts", "--ipc"), "--")

    def do(self, text: str, check: bool = True) -> str:
        done = subprocess.run(
            [*self.inside, "sh", "-c", text], capture_output=True, text=True, check=False, timeout=60, stdin=subprocess.DEVNULL
        )
        assert not check or done.returncode == 0, f"{text}: {done.stdout}{done.stderr}"
        return done.stdout

    def daemon(self) -> list[int]:
        """Its libvirtd, when there is one."""
        argv = ("pgrep", "--ns", str(self.lab.hosts[self.name]["pid"]), "--nslist", "pid", "-x", "libvirtd")
        return [int(word) for word in subprocess.run(argv, capture_output=True, text=True, check=False).stdout.split()]

    def signal(self, number: int) -> None:
        for pid in self.daemon():
            os.kill(pid, number)

    def start(self) -> None:
        """Its libvirtd runs, and answers."""
        self.signal(signal.SIGCONT)
        if not self.daemon():
            self.do("libvirtd --daemon")
        self.do("n=0; until timeout 5 virsh -q list >/dev/null 2>&1; do n=$((n + 1)); [ $n -lt 100 ] || exit 1; sleep 0.1; done")

    def end_guests(self) -> None:
        """Every QEMU ended by force: it crashed."""
        self.do(
            "pkill -9 qemu-system || :; n=0; while virsh -q list --name | grep -q .; do n=$((n + 1)); [ $n -lt 100 ] || exit 1; sleep 0.05; done"
        )

    def journal(self) -> str:
        return "\n".join(self.lab.journal()[self.name])

    def pids(self) -> dict[str, str]:
        """QEMU's process of each domain, as libvirt notes it."""
        return {
            path.stem: path.read_text() for path in (self.lab.files(self.name) / "run/libvirt/qemu").glob("*.pid") if path.stem != "driver"
        }


def respawned(host: Host) -> None:
    """Killed, and started again at once, as systemd does."""
    host.signal(signal.SIGKILL)
    host.start()


def restarted(host: Host) -> None:
    """As `systemctl restart libvirtd` does."""
    host.signal(signal.SIGTERM)
    while host.daemon():
        time.sleep(0.02)
    host.start()


def paused(host: Host) -> None:
    """Stopped for a while."""
    host.signal(signal.SIGSTOP)
    time.sleep(LASTS)
    host.signal(signal.SIGCONT)


def killed(host: Host) -> None:
    """Killed, and nobody starts it again."""
    host.signal(signal.SIGKILL)


def stopped(host: Host) -> None:
    """Stopped, and nobody lets it go on."""
    host.signal(signal.SIGSTOP)


class Trouble:
    """What befalls a host as soon as its journal says that a step is begun."""

    def __init__(self, host: Host, step: str, fault: Callable[[Host], None]) -> None:
        self._host, self._step, self._fault = host, step, fault
        self._over, self.came = threading.Event(), False
        self._thread = threading.Thread(target=self._wait)

    def __enter__(self) -> Trouble:
        self._before = len(self._host.journal())
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _wait(self) -> None:
        while not self._over.is_set():
            if re.search(rf" step=\S*{self._step} ", self._host.journal()[self._before :]):
                self.came = True
                self._fault(self._host)
                return
            time.sleep(0.005)


class Twins:
    """Looks for a second process of one of these guests, as the kernel knows them, for as long as it lasts."""

    def __init__(self, site: Site) -> None:
        self._uuids = {str(each["uuid"]) for each in site.operator.instances().values()}
        self.found: set[str] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Twins:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.1):
            there: set[str] = set()
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                program, *words = words_of(path) or [""]
                for uuid in self._uuids.intersection(words) if "qemu-system" in program and "-uuid" in words else ():
                    self.found |= {uuid} & there
                    there.add(uuid)


def words_of(path: Path) -> list[str]:
    """What a process was called with; nothing of one that has just ended."""
    try:
        return path.read_bytes().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return []


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab of its own: others' hosts are not to be rebooted under them."""
    conftest.ROOT.mkdir(parents=True, exist_ok=True)
    with (conftest.ROOT / f".{NAME}.tests").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        yield conftest.lab_up(NAME, 2)
        conftest.lab_down(NAME)


class Site:
    """Two guests on each of two hosts."""

    def __init__(self, lab: Lab, folder: Path, image: Path) -> None:
        self.operator, self.image = Operator(lab, folder), image
        first, second = lab.hosts
        self.play = self.operator.playbook("site.yaml", PLAY.format(first=first, second=second, image=image))
        self.operator("apply", self.play)

    @property
    def hosts(self) -> tuple[Host, Host]:
        first, second = (Host(self.operator.lab, name) for name in self.operator.lab.hosts)
        return first, second

    def rebooted(self) -> None:
        """Both hosts have lost their power, and are up again."""
        lab = self.operator.lab
        done = conftest.run(["orchestrator", "lab", "reboot", "--name", lab.name, *lab.hosts], conftest.environment(lab.root))
        assert done.returncode == 0, done.stderr
        self.operator = Operator(conftest.lab_up(lab.name, 2), self.operator.folder)

    def crashed(self) -> None:
        """Every guest of both hosts has crashed."""
        for host in self.hosts:
            host.end_guests()

    def strangers(self) -> None:
        """Two guests that others made on the first host, and one on the second; all run."""
        for host, names in zip(self.hosts, STRANGERS, strict=True):
            for name in names:
                disk = self.operator.lab.files(host.name) / f"var/lib/libvirt/images/{name}.qcow2"
                disk.parent.mkdir(parents=True, exist_ok=True)
                disk.write_bytes(self.image.read_bytes())
                (self.operator.lab.files(host.name) / "tmp/stranger.xml").write_text(STRANGER.format(name=name))
                host.do(f"virsh -q define /tmp/stranger.xml; virsh -q start {name}")

    def mended(self) -> None:
        """Nothing is to be done, and nothing wrong."""
        self.operator("plan", "--detailed-exitcode", self.play)
        self.operator("verify")


@pytest.fixture(scope="module")
def site(lab: Lab, tmp_path_factory: pytest.TempPathFactory, halting_image: Path) -> Site:
    return Site(lab, tmp_path_factory.mktemp("libvirtd"), halting_image)


class Way(Struct, frozen=True):
    """A way back: what has happened before, the command, and the step in whose middle libvirt's daemon is met."""

    before: Callable[[Site], None]
    argv: tuple[str, ...]
    step: str = "start_domain"


WAYS = {
    "recovery": Way(Site.rebooted, ("hard-reboot", "--all")),
    "repair": Way(Site.crashed, ("hard-reboot", "--all", "--repair", "--yes")),
    "verify": Way(Site.crashed, ("verify", "--repair", "--yes")),
}
CASES = (
    *(("recovery", fault) for fault in (killed, restarted, paused)),
    *(("repair", fault) for fault in (respawned, restarted, paused)),
    *(("verify", fault) for fault in (killed, restarted, paused)),
)


def judged(site: Site, fault: Callable[[Host], None], done: subprocess.CompletedProcess[str]) -> None:
    """It ended, and whoever reads what it said knows what, where and what next."""
    first, second = site.hosts
    text = done.stdout + done.stderr
    assert done.returncode in ((0,) if fault is paused else (3, 4) if fault in (killed, stopped) else (0, 2, 3, 4)), text
    if done.returncode:
        assert SAYS.search(text), text
        assert first.name in text
    if fault in (killed, stopped):
        assert "libvirt does not answer" in text
        assert "see `systemctl status libvirtd` on the host" in text
    states = {each["state"] for each in site.operator.instances().values() if each["host"] == second.name}
    assert states == {"ACTIVE"}, "the other host's part is done"


def again(site: Site, *argv: str) -> None:
    """The same command, until nothing is left to do. Where libvirt holds a start that was cut off, what the command says is done first."""
    done = site.operator(*argv, code=None)
    if status := re.findall(r"`rm (/run/libvirt/qemu/\S+\.xml)`", done.stdout + done.stderr):
        site.hosts[0].do(f"rm -f {' '.join(status)}")
        restarted(site.hosts[0])
        done = site.operator(*argv, code=None)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("way", "fault"), CASES, ids=lambda each: each if isinstance(each, str) else each.__name__)
def test_it_ends_and_the_same_again_mends_the_rest(site: Site, way: str, fault: Callable[[Host], None]) -> None:
    WAYS[way].before(site)
    first, second = site.hosts
    before = site.operator.lab.starts(second.name)
    with Twins(site) as twins:
        try:
            with Trouble(first, WAYS[way].step, fault) as trouble:
                done = site.operator(*WAYS[way].argv, code=None)
            judged(site, fault, done)
            after = site.operator.lab.starts(second.name)
            assert {after[name] - before[name] for name in second.pids()} == {1}, "the other host's guests are started, once"
        finally:
            first.start()
        assert trouble.came
        again(site, *WAYS[way].argv)
        site.mended()
    assert not twins.found
    assert [len(host.pids()) for host in site.hosts] == [2, 2]


def test_a_start_that_was_cut_off_is_named_with_the_way_out(site: Site) -> None:
    """What libvirt leaves of a start that it was killed over before it knew the process: it takes the guest for starting, whatever becomes of it."""
    first, _ = site.hosts
    before = first.pids()
    domain, *_ = before
    status = f"/run/libvirt/qemu/{domain}.xml"
    killed(first)
    edit = "s/<domstatus state='running' reason='[a-z]*' pid='[0-9]*'>/<domstatus state='paused' reason='starting up' pid='0'>/"
    first.do(f'kill -9 {before[domain]}; sed -i "{edit}" {status}; grep -q "pid=\'0\'" {status}')
    first.start()
    named = site.operator("hard-reboot", "--all", "--diagnose", code=2).stdout
    assert re.findall(r": ([a-z-]+): ", named) == ["start-cut-off"], named
    assert "start-cut-off" in site.operator("verify", code=2).stdout
    left = site.operator("hard-reboot", "--all", "--repair", "--yes", code=3)
    assert f"`rm {status}`" in left.stdout + left.stderr
    again(site, "hard-reboot", "--all", "--repair", "--yes")
    site.mended()
    assert {name: pid for name, pid in first.pids().items() if name != domain} == {
        name: pid for name, pid in before.items() if name != domain
    }


@pytest.mark.parametrize("fault", [killed, restarted, paused], ids=lambda fault: fault.__name__)
def test_taking_over_goes_on_where_it_was(site: Site, fault: Callable[[Host], None]) -> None:
    site.strangers()
    first, second = site.hosts
    before = [host.pids() for host in site.hosts]
    try:
        with Trouble(first, "define_domain", fault) as trouble:
            done = site.operator("adopt", first.name, "--yes", code=None)
        assert trouble.came
        site.operator("adopt", second.name, "--yes")
        judged(site, fault, done)
        first.start()
        site.operator("adopt", first.name, "--yes")
        assert [host.pids() for host in site.hosts] == before, "none was restarted"
        site.mended()
        marks = first.do("; ".join(f"virsh -q dumpxml --inactive {name} | grep -c '<orchestrator:instance '" for name in STRANGERS[0]))
        assert marks.split() == ["1", "1"]
    finally:
        first.start()
        names = [name for name in site.operator.instances() if name.startswith("theirs")]
        site.operator("destroy", "--yes", "--volumes", *names)


def test_one_that_hangs_takes_the_time_of_a_step_and_of_a_look(site: Site) -> None:
    """While the daemon hangs under a recovery, other commands that look at the host end after one read's time, and say so."""
    site.rebooted()
    first, _ = site.hosts
    with Twins(site) as twins:
        try:
            with Trouble(first, "start_domain", stopped) as trouble:
                recovery = site.operator.start("hard-reboot", "--all")
                while not trouble.came:
                    assert recovery.poll() is None
                    time.sleep(0.05)
                looks = [site.operator.start(*argv) for argv in (("verify", "--host", first.name), ("adopt", first.name, "--yes"))]
                said = [each.communicate(timeout=400) for each in (recovery, *looks)]
            for (out, error), code, each in zip(said, (4, 2, 3), (recovery, *looks), strict=True):
                assert each.returncode == code, out + error
                assert "libvirt does not answer: it was asked, and said nothing for 30 s" in out + error
            assert re.search(f"vm-[1-4] on {first.name}: unknown: libvirt does not answer", said[0][1])
        finally:
            first.start()
        again(site, "hard-reboot", "--all")
        site.mended()
    assert not twins.found
