"""Practice hosts, for real: namespaces, sshd, libvirtd, QEMU and a guest that boots."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import click.testing
import pytest
import yaml

from orchestrator.cli import lab as door
from orchestrator.lab import access, packages, practice, switch
from orchestrator.lab import folder as folders
from orchestrator.lab import host as machines
from orchestrator.model import errors
from orchestrator.model.lab import LabHost, LabHostState, LabStatus

pytestmark = [pytest.mark.practice_hosts, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]

NAME = "tlab"
DOMAIN = """<domain type='qemu'><name>one</name><memory unit='MiB'>128</memory><vcpu>1</vcpu>
<os><type arch='x86_64'>hvm</type></os><features><acpi/></features>
<devices><disk type='file' device='disk'><driver name='qemu' type='qcow2'/>
<source file='/var/lib/nova/instances/one.qcow2'/><target dev='vda' bus='virtio'/></disk>
<serial type='file'><source path='/var/lib/nova/instances/console.log'/></serial></devices></domain>
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("labs and a space")


@pytest.fixture(scope="module")
def labs(root: Path) -> Iterator[practice.PracticeHosts]:
    made = practice.PracticeHosts(root)
    yield made
    made.down(NAME)


@pytest.fixture(scope="module")
def lab(labs: practice.PracticeHosts) -> LabStatus:
    return labs.up(NAME, 2)


@pytest.fixture(scope="module")
def domain(labs: practice.PracticeHosts, lab: LabStatus) -> str:
    """A domain on the first host, defined with nothing but virsh, that boots the guest image."""
    on(lab, 1, "cat >/var/lib/nova/instances/one.qcow2", labs.image(None).read_bytes())
    on(lab, 1, "cat >/root/one.xml", DOMAIN.encode())
    on(lab, 1, "virsh -q define /root/one.xml")
    return "one"


def on(lab: LabStatus, number: int, command: str, data: bytes | None = None) -> str:
    """What a command wrote, run by plain ssh as the inventory tells, strictly checked."""
    variables = yaml.safe_load(lab.inventory.read_text())["all"]["vars"]
    host = lab.hosts[number - 1]
    argv = access.ssh(folders.Folder(lab.inventory.parent), host.address)
    assert variables["ansible_ssh_private_key_file"] == str(host.key)
    done = subprocess.run((*argv, command), input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def here(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def eventually(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.2)


def own_files(folder: Path) -> dict[Path, float]:
    return {path: path.stat().st_mtime for path in folder.iterdir() if path.is_file()}


def traces(name: str, folder: Path) -> list[str]:
    """All that a lab could leave behind on this machine."""
    mounts = [
        line
        for line in Path("/proc/self/mountinfo").read_text().splitlines()
        if str(folder) in line or f"/run/netns/orchestrator-{name}-" in line
    ]
    links, spaces = here("ip", "-o", "link").splitlines(), here("ip", "netns").splitlines()
    processes = [path.read_bytes().replace(b"\0", b" ").decode(errors="replace") for path in processes_now()]
    found = [line for line in (*links, *spaces) if re.search(rf"\b{name}-(\d+|switch)\b", line)]
    return [*mounts, *found, *(line for line in processes if str(folder) in line), *([str(folder)] if folder.exists() else [])]


def processes_now() -> Iterator[Path]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            path.read_bytes()
        except OSError:
            continue
        yield path


def test_each_host_is_its_own_machine(lab: LabStatus) -> None:
    assert [host.name for host in lab.hosts] == ["tlab1", "tlab2"]
    assert all(host.state is LabHostState.RUNNING for host in lab.hosts)
    for question in ("hostname", "cat /etc/machine-id", "cat /proc/sys/kernel/random/boot_id"):
        answers = [on(lab, 1, question), on(lab, 2, question), here("sh", "-c", question)]
        assert len(set(answers)) == 3, question
    uuid = "virsh -c qemu:///system capabilities | grep -m1 uuid"
    assert on(lab, 1, uuid) != on(lab, 2, uuid)  # or libvirt would refuse to migrate
    assert on(lab, 1, "hostname").strip() == "tlab1"
    assert on(lab, 1, "sysctl -n net.bridge.bridge-nf-call-iptables net.bridge.bridge-nf-call-ip6tables").split() == ["1", "1"]
    assert on(lab, 1, "ip -br -4 address show eth1").split() in ([], ["eth1@if6", "UP"])
    on(lab, 1, "touch /var/lib/nova/instances/mine /tmp/mine /etc/mine /run/mine")
    assert on(lab, 2, "ls /var/lib/nova/instances /tmp /run /etc | grep -c mine || true").strip() == "0"


def test_hosts_share_the_wire_phys0(lab: LabStatus) -> None:
    for number in (1, 2):
        on(lab, number, f"ip address add 192.168.77.{number}/24 dev eth1")
    key = on(lab, 2, "cut -d ' ' -f 1-2 /etc/ssh/ssh_host_ed25519_key.pub").strip()
    assert key in on(lab, 1, "ssh-keyscan -t ed25519 192.168.77.2 2>/dev/null")


def test_open_vswitch_keeps_vlans_apart_on_the_wire_phys2(lab: LabStatus) -> None:
    for number in (1, 2):
        for tag in (5, 6):
            port = f"vlan{tag}"
            on(lab, number, f"ovs-vsctl add-port br-ex {port} tag={tag} -- set interface {port} type=internal")
            on(lab, number, f"ip link set {port} up; ip address add 192.168.{tag}.{number}/24 dev {port}")
    key = on(lab, 2, "cut -d ' ' -f 1-2 /etc/ssh/ssh_host_ed25519_key.pub").strip()
    assert key in on(lab, 1, "ssh-keyscan -t ed25519 192.168.6.2 2>/dev/null"), "TCP, with checksums that hold"
    on(lab, 2, "ovs-vsctl set port vlan6 tag=7")
    assert on(lab, 1, "ssh-keyscan -T 2 -t ed25519 192.168.6.2 2>/dev/null || true") == ""
    assert key in on(lab, 1, "ssh-keyscan -t ed25519 192.168.5.2 2>/dev/null")


def test_a_network_namespace_is_the_host_s_own(lab: LabStatus) -> None:
    on(lab, 1, "ip netns add own && ip netns exec own sysctl -qw net.ipv4.ip_forward=1")
    assert on(lab, 1, "sysctl -n net.ipv4.ip_forward; ip netns exec own sysctl -n net.ipv4.ip_forward").split() == ["0", "1"]
    assert "own" not in on(lab, 2, "ip netns") + here("ip", "netns").replace(NAME, "")
    on(lab, 1, "ip netns delete own")


def test_connections_are_tracked_in_zones(lab: LabStatus) -> None:
    on(lab, 2, "iptables -t raw -A PREROUTING -i eth0 -p tcp --dport 22 -j CT --zone 4097")
    assert "zone=4097" in on(lab, 2, "conntrack -L --zone 4097 2>/dev/null || conntrack -L 2>/dev/null")
    assert on(lab, 1, "conntrack -L -w 4097 2>/dev/null") == ""


def test_the_first_host_offers_volumes_by_iscsi(lab: LabStatus) -> None:
    groups = yaml.safe_load(lab.inventory.read_text())["all"]["children"]
    assert list(groups["storage"]["hosts"]) == ["tlab1"]
    target = "iqn.2010-10.org.openstack:volume-one"
    on(lab, 1, "truncate -s 10M /var/tmp/volume-one")
    for words in (
        f"--mode target --op new --tid 1 --targetname {target}",
        "--mode logicalunit --op new --tid 1 --lun 1 --backing-store /var/tmp/volume-one",
        "--mode target --op bind --tid 1 --initiator-address ALL",
    ):
        on(lab, 1, f"tgtadm --lld iscsi {words}")
    assert "10485760 bytes" in on(lab, 2, f"qemu-img info iscsi://{lab.hosts[0].address}/{target}/1")


def test_up_twice_is_a_no_op(labs: practice.PracticeHosts, lab: LabStatus) -> None:
    before = own_files(lab.inventory.parent), on(lab, 1, "cat /proc/sys/kernel/random/boot_id")
    assert labs.up(NAME, None) == lab
    assert labs.up(NAME, 1) == lab
    assert (own_files(lab.inventory.parent), on(lab, 1, "cat /proc/sys/kernel/random/boot_id")) == before


def test_status_is_json_on_stdout_alone(labs: practice.PracticeHosts, lab: LabStatus) -> None:
    result = click.testing.CliRunner().invoke(door.lab, ["status", "--name", NAME, "-o", "json"], obj=SimpleNamespace(lab=labs))
    told = json.loads(result.stdout)
    assert (result.exit_code, told["schema_version"], told["name"], told["inventory"]) == (0, 1, NAME, str(lab.inventory))
    expected = {"name": "tlab1", "address": lab.hosts[0].address, "port": 22, "user": "root", "state": "running"}
    assert expected.items() <= told["hosts"][0].items()
    assert Path(told["hosts"][0]["key"]).stat().st_mode & 0o077 == 0


def test_ssh_runs_the_command_and_exits_as_it_does(labs: practice.PracticeHosts, lab: LabStatus, capfd: pytest.CaptureFixture[str]) -> None:
    result = click.testing.CliRunner().invoke(
        door.lab, ["ssh", "--name", NAME, "tlab2", "hostname", "--short;", "exit", "7"], obj=SimpleNamespace(lab=labs)
    )
    assert (result.exit_code, capfd.readouterr().out) == (7, "tlab2\n")
    result = click.testing.CliRunner().invoke(door.lab, ["ssh", "--name", NAME, "tlab2", "--", "hostname"], obj=SimpleNamespace(lab=labs))
    assert (result.exit_code, capfd.readouterr().out) == (0, "tlab2\n")
    with pytest.raises(errors.NotFound, match="tlab1, tlab2"):
        labs.ssh(NAME, "tlab9", ())


def test_guest_boots_counts_and_powers_off(lab: LabStatus, domain: str) -> None:
    log = "/var/lib/nova/instances/console.log"
    for boots in (1, 2):
        on(lab, 1, f"rm -f {log}; virsh -q start {domain}")
        eventually(lambda boots=boots: f"GUEST UP boots={boots} uptime=" in on(lab, 1, f"cat {log}"))
        eventually(lambda: "TICK" in on(lab, 1, f"cat {log}"))
        on(lab, 1, f"virsh -q shutdown {domain}")
        eventually(lambda: on(lab, 1, f"virsh -q domstate {domain}").strip() == "shut off")


def test_image_is_made_once(labs: practice.PracticeHosts, root: Path, tmp_path: Path) -> None:
    image = labs.image(None)
    before = image.stat()
    assert labs.image(None).stat() == before
    assert image.parent == root
    copy = labs.image(tmp_path / "guest.qcow2")
    assert copy.read_bytes() == labs.image(copy).read_bytes() == image.read_bytes()


def test_dead_host_is_started_again(labs: practice.PracticeHosts, lab: LabStatus) -> None:
    boot = on(lab, 2, "cat /proc/sys/kernel/random/boot_id")
    on(lab, 2, "ip link add left type dummy || ip link add left type bridge; echo kept >/root/kept")
    os.kill(pid(lab.hosts[1]), 9)
    eventually(lambda: labs.status(NAME).hosts[1].state is LabHostState.STOPPED)
    again = labs.up(NAME, 3)
    assert [host.state for host in again.hosts] == [LabHostState.RUNNING] * 3
    assert again.hosts[0] == lab.hosts[0]
    assert on(again, 2, "cat /proc/sys/kernel/random/boot_id") != boot
    assert on(again, 2, "cat /root/kept") == "kept\n"
    devices = set(on(again, 2, "ls /sys/class/net").split())
    assert {"lo", "eth0", "eth1", "eth2", "br-ex"} <= devices, "Open vSwitch keeps its bridges"
    assert "left" not in devices, "the kernel does not"
    assert "Linux" in on(again, 3, "uname")


def test_a_reboot_takes_what_a_reboot_takes(labs: practice.PracticeHosts, lab: LabStatus) -> None:
    two = on(lab, 2, "cat /proc/sys/kernel/random/boot_id")
    on(lab, 2, "ip link add left type bridge; iptables -A INPUT -p 99; touch /run/left; echo kept >/root/kept")
    on(lab, 2, "setsid -f sleep 1000 >/dev/null 2>&1")
    with pytest.raises(errors.NotFound, match="tlab1, tlab2"):
        labs.reboot(NAME, ("tlab2", "tlab9"))
    assert on(lab, 2, "cat /proc/sys/kernel/random/boot_id") == two, "nothing was done"
    result = click.testing.CliRunner().invoke(door.lab, ["reboot", "--name", NAME, "tlab2"], obj=SimpleNamespace(lab=labs))
    assert result.exit_code == 0, result.output
    assert on(lab, 2, "cat /proc/sys/kernel/random/boot_id") != two
    assert "left" not in on(lab, 2, "ls /run /sys/class/net").split()
    assert not {"99", "1000"} & set(on(lab, 2, "iptables-save; pgrep -x sleep -a").split())
    assert on(lab, 2, "cat /root/kept") == "kept\n"
    assert labs.status(NAME).hosts[0] == lab.hosts[0], "the other host runs on"


def pid(host: LabHost) -> int:
    assert host.pid
    return host.pid


def test_another_folder_s_lab_is_left_alone(lab: LabStatus, tmp_path: Path) -> None:
    stranger = practice.PracticeHosts(tmp_path)
    for act in (lambda: stranger.up(NAME, 1), lambda: stranger.down(NAME)):
        with pytest.raises(errors.Conflict, match="ORCHESTRATOR_LAB_DIR"):
            act()
    assert on(lab, 1, "hostname").strip() == "tlab1"


@pytest.mark.parametrize("name", ["", "toolong", "Lab", "a-b", "../x", "é"])
def test_bad_name_is_refused(labs: practice.PracticeHosts, name: str) -> None:
    for act in (lambda: labs.up(name, 1), lambda: labs.down(name), lambda: labs.status(name)):
        with pytest.raises(errors.UsageError):
            act()


def test_no_lab_is_said(labs: practice.PracticeHosts) -> None:
    with pytest.raises(errors.NotFound, match="lab up --name none"):
        labs.status("none")
    assert labs.down("none") is False


def test_file_in_the_image_s_way_is_not_overwritten(labs: practice.PracticeHosts, tmp_path: Path) -> None:
    mine = tmp_path / "mine.qcow2"
    mine.write_text("mine")
    with pytest.raises(errors.Conflict):
        labs.image(mine)
    assert mine.read_text() == "mine"


def forget_folder(folder: folders.Folder) -> None:
    while folder.path.exists():  # its hosts still write into it
        shutil.rmtree(folder.path, ignore_errors=True)


def cut_switch(folder: folders.Folder) -> None:
    here("ip", "netns", "delete", f"orchestrator-{folder.name}-switch")


def lose_key(folder: folders.Folder) -> None:
    folder.key.unlink()


def reboot_machine(folder: folders.Folder) -> None:
    """All that a reboot leaves: the folder."""
    machines.stop(folder.name, 1)
    switch.remove(folder.name)


def damage_record(folder: folders.Folder) -> None:
    (folder.path / "lab.json").write_text("{")


@pytest.fixture
def half(tmp_path: Path) -> Iterator[tuple[practice.PracticeHosts, folders.Folder]]:
    """A lab of one host, for the worse; at the end `down` must take all of it."""
    labs, folder = practice.PracticeHosts(tmp_path), folders.named(tmp_path, "thalf")
    labs.up(folder.name, 1)
    yield labs, folder
    assert labs.down(folder.name)
    assert traces(folder.name, folder.path) == []


@pytest.mark.parametrize("harm", [forget_folder, cut_switch, lose_key, reboot_machine])
def test_up_mends_what_is_left(half: tuple[practice.PracticeHosts, folders.Folder], harm: Callable[[folders.Folder], None]) -> None:
    labs, folder = half
    harm(folder)
    lab = labs.up(folder.name, 1)
    assert [host.state for host in lab.hosts] == [LabHostState.RUNNING]
    assert on(lab, 1, "hostname") == "thalf1\n"


@pytest.mark.parametrize("harm", [forget_folder, cut_switch, reboot_machine, damage_record])
def test_down_removes_what_is_left(half: tuple[practice.PracticeHosts, folders.Folder], harm: Callable[[folders.Folder], None]) -> None:
    harm(half[1])


def test_damaged_record_says_what_to_do(half: tuple[practice.PracticeHosts, folders.Folder]) -> None:
    labs, folder = half
    damage_record(folder)
    for act in (lambda: labs.up(folder.name, 1), lambda: labs.status(folder.name)):
        with pytest.raises(errors.OrchestratorError, match="lab down --name thalf"):
            act()


def test_subnet_taken_meanwhile_is_refused(half: tuple[practice.PracticeHosts, folders.Folder]) -> None:
    labs, folder = half
    subnet = labs.status(folder.name).subnet
    reboot_machine(folder)
    here("ip", "route", "add", "blackhole", subnet)
    try:
        with pytest.raises(errors.Conflict, match="is in use"):
            labs.up(folder.name, 1)
    finally:
        here("ip", "route", "delete", "blackhole", subnet)


def test_link_that_is_no_lab_s_is_left_alone(labs: practice.PracticeHosts) -> None:
    here("ip", "link", "add", "tlink-0", "type", "bridge")
    try:
        for act in (lambda: labs.up("tlink", 1), lambda: labs.down("tlink")):
            with pytest.raises(errors.Conflict, match="no lab's"):
                act()
    finally:
        here("ip", "link", "delete", "tlink-0")


def test_stopped_host_is_said(half: tuple[practice.PracticeHosts, folders.Folder]) -> None:
    labs, folder = half
    machines.stop(folder.name, 1)
    with pytest.raises(errors.Unreachable, match="lab up --name thalf"):
        labs.ssh(folder.name, "thalf1", ())


@pytest.mark.parametrize("delay", [0.02, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2])
def test_up_killed_midway_can_be_repeated_or_undone(tmp_path: Path, delay: float) -> None:
    labs, folder = practice.PracticeHosts(tmp_path), folders.named(tmp_path, "tkill")
    code = "import sys, pathlib; from orchestrator.lab import practice; practice.PracticeHosts(pathlib.Path(sys.argv[1])).up('tkill', 2)"
    process = subprocess.Popen((sys.executable, "-c", code, str(tmp_path)))
    time.sleep(delay)
    process.kill()
    process.wait()
    try:
        if int(delay * 10) % 2:
            assert [host.state for host in labs.up("tkill", 2).hosts] == [LabHostState.RUNNING] * 2
    finally:
        labs.down("tkill")
    assert traces("tkill", folder.path) == []


def test_packages_are_printed_by_any_python() -> None:
    printed = here("python3", "-W", "error", "-m", "orchestrator.lab.packages").split()
    assert tuple(printed) == packages.ALL
    assert packages.missing((*packages.ALL, "no-such-package")) == ("no-such-package",)


def test_down_leaves_nothing(labs: practice.PracticeHosts, lab: LabStatus, domain: str, root: Path) -> None:
    folder = folders.named(root, NAME).path
    on(lab, 1, f"virsh -q start {domain}")
    assert traces(NAME, folder)
    assert labs.down(NAME) is True
    assert traces(NAME, folder) == []
    assert labs.down(NAME) is False
