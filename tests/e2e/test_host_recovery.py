"""Two hosts lose their power with twenty guests on them. One command brings back the fifteen that ran, and starts none of the five that did not."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml
from msgspec import structs

from tests.e2e import conftest
from tests.e2e.conftest import Lab, Operator
from tests.e2e.guests import Guest

pytestmark = [pytest.mark.practice_hosts, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]

NAME = f"{conftest.NAME[:4]}r"
PLAY = """\
- hosts: {first}:{second}
  flavors:
    - {{name: kernel, vcpus: 1, ram: 96, disk: 1}}
    - {{name: sector, vcpus: 1, ram: 32, disk: 1}}
  images:
    - {{name: guest, source: "{image}", properties: {{os_shutdown_timeout: 3}}}}
    - {{name: counter, source: "{counter}", properties: {{os_shutdown_timeout: 1}}}}
  networks:
    - name: tenant
      provider: {{type: vxlan, segmentation_id: 2077}}
      subnets: [{{cidr: 10.77.0.0/24, pool: 10.77.0.10-10.77.0.200}}]
  volumes:
    - {{name: data, size: 1, backend: iscsi}}
  instances:
    - name: "k{{{{ item }}}}"
      loop: [1, 2]
      hosts: "{{{{ ['{first}', '{second}'][item % 2] }}}}"
      flavor: kernel
      image: guest
      networks: [{{network: tenant}}]
      config_drive: true
      volumes: "{{{{ ['data'] if item == 1 else [] }}}}"
    - name: "s{{{{ item }}}}"
      loop: "{{{{ range(1, 19) }}}}"
      hosts: "{{{{ ['{first}', '{second}'][item % 2] }}}}"
      flavor: sector
      image: counter
      networks: [{{network: tenant}}]
      state: "{{{{ 'stopped' if item > 13 else 'active' }}}}"
"""
KERNELS = ("k1", "k2")  # one on each host
SECTORS = tuple(f"s{number}" for number in range(1, 14))
STOPPED = tuple(f"s{number}" for number in range(14, 19))
AT = "/var/lib/nova/instances"


def counting_disk(folder: Path) -> Path:
    """A disk of 1 MiB whose boot sector counts its boots in the sector after it, and halts."""
    code = bytes.fromhex(
        "31c08ec08ed8"  # es = ds = 0
        "bb0080"  # bx = the buffer
        "b80102b90200b600cd13"  # read sector 2 of the disk that it was booted from
        "ff060080"  # the word at the buffer, plus 1
        "b80103b90200b600cd13"  # write it
        "faf4ebfd"  # cli; hlt; again
    )
    sector = bytearray(512)
    sector[: len(code)] = code
    sector[446:462] = b"\x80\x00\x02\x00\x83\x00\x10\x00\x02\x00\x00\x00\xfe\x07\x00\x00"
    sector[510:] = b"\x55\xaa"
    path = folder / "count.raw"
    path.write_bytes(bytes(sector) + bytes((1 << 20) - 512))
    return path


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab of its own: others' hosts are not to be rebooted under them."""
    conftest.ROOT.mkdir(parents=True, exist_ok=True)
    with (conftest.ROOT / f".{NAME}.tests").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        yield roomy(conftest.lab_up(NAME, 2))
        conftest.lab_down(NAME)


def roomy(lab: Lab) -> Lab:
    """The lab by an inventory of our own: its hosts take more processors than they have."""
    inventory = yaml.safe_load(lab.inventory.read_text())
    inventory["all"]["vars"]["cpu_allocation_ratio"] = 32
    path = lab.inventory.with_name("roomy.yaml")
    path.write_text(yaml.safe_dump(inventory))
    return structs.replace(lab, inventory=path)


@pytest.fixture(scope="module")
def operator(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Operator:
    """Twenty instances: fifteen run, and have counted their first boot; five were never started by anybody since they were stopped."""
    someone = Operator(lab, tmp_path_factory.mktemp("recovery"))
    first, second = lab.hosts
    counter = counting_disk(someone.folder).with_suffix(".qcow2")
    convert = ["qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(counter.with_suffix(".raw")), str(counter)]
    subprocess.run(convert, check=True)
    someone("apply", someone.playbook("site.yaml", PLAY.format(first=first, second=second, image=lab.image, counter=counter)))
    for name in KERNELS:
        someone.booted(name)
    await_counts(someone, 1)
    return someone


def on(operator: Operator, names: tuple[str, ...]) -> dict[str, list[tuple[str, str]]]:
    """Names and uuids of instances by host."""
    found: dict[str, list[tuple[str, str]]] = {host: [] for host in operator.lab.hosts}
    for name, each in operator.instances().items():
        if name in names:
            found[str(each["host"])].append((name, str(each["uuid"])))
    return found


def counted(operator: Operator, names: tuple[str, ...]) -> dict[str, int]:
    """The number in the second sector of each one's disk."""
    read = "qemu-io -U -r -f qcow2 -c 'read -v 512 2'"
    found: dict[str, int] = {}
    for host, there in on(operator, names).items():
        text = operator.lab.script(host, "; ".join(f"{read} {AT}/{uuid}/disk" for _, uuid in there) or "true")
        words = re.findall(r"^00000200:  (\S\S) (\S\S)", text, re.MULTILINE)
        found |= {name: int(high + low, 16) for (name, _), (low, high) in zip(there, words, strict=True)}
    return found


def await_counts(operator: Operator, boots: int) -> None:
    """Return when each of the small guests has counted so many boots."""
    deadline = time.monotonic() + 180
    while (found := counted(operator, SECTORS)) != dict.fromkeys(SECTORS, boots):
        assert time.monotonic() < deadline, found
        time.sleep(2)


def running(operator: Operator) -> set[str]:
    """Instances whose domains run, by libvirt's own word."""
    names = {str(each["uuid"]): name for name, each in operator.instances().items()}
    listed = (uuid for host in operator.lab.hosts for uuid in operator.lab.on(host, "virsh", "-q", "list", "--uuid").split())
    return {names[uuid] for uuid in listed}


def rebooted(operator: Operator) -> Operator:
    """The same operator, when both hosts have lost their power and are up again."""
    lab = operator.lab
    done = conftest.run(["orchestrator", "lab", "reboot", "--name", lab.name, *lab.hosts], conftest.environment(lab.root))
    assert done.returncode == 0, done.stderr
    return Operator(roomy(conftest.lab_up(lab.name, 2)), operator.folder)


def since(journal: Mapping[str, list[str]], before: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """The steps of each host's journal that are new, in order."""
    return {host: re.findall(r" step=(\S+)", "\n".join(lines[len(before[host]) :])) for host, lines in journal.items()}


def reach(operator: Operator, boots: int) -> None:
    """The guests on the two hosts reach each other."""
    one, two = (Guest(operator, name) for name in KERNELS)
    for source, target in ((one, two), (two, one)):
        address = target.address(boots=boots)
        assert source.succeeds(f"for try in 1 2 3 4 5 6; do ping -c 1 -W 2 {address} && exit; done; false", 30), target.name


def loop_of_starts(operator: Operator, names: tuple[str, ...]) -> float:
    """Seconds that bare `virsh start`s take, the hosts side by side."""
    there = on(operator, names)

    def each(host: str, verb: str) -> None:
        operator.lab.script(host, "; ".join(f"virsh -q -c qemu:///system {verb} {uuid}" for _, uuid in there[host]))

    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda host: each(host, "destroy"), there))
        begun = time.monotonic()
        list(pool.map(lambda host: each(host, "start"), there))
    return time.monotonic() - begun


def test_one_command_brings_back_what_ran_and_nothing_else(operator: Operator, capsys: pytest.CaptureFixture[str]) -> None:
    data = '"$(disk {})"'.format(operator.json("get", "volumes")[0]["id"])  # type: ignore[index]
    Guest(operator, "k1").run(f"echo kept | dd of={data} bs=512 conv=sync,fsync")
    reach(operator, boots=1)
    starts = {host: operator.lab.starts(host) for host in operator.lab.hosts}
    journal = operator.lab.journal()
    operator = rebooted(operator)
    assert running(operator) == set()
    assert "orc" not in operator.lab.script(next(iter(operator.lab.hosts)), "iptables-save; ip -o link")

    begun = time.monotonic()
    done = operator("hard-reboot", "--all")
    took = time.monotonic() - begun
    assert "15 changed, 5 unchanged, 0 failed" in done.stderr
    assert running(operator) == {*KERNELS, *SECTORS}
    assert {name: each["state"] for name, each in operator.instances().items() if name in STOPPED} == dict.fromkeys(STOPPED, "STOPPED")

    for host, steps in since(operator.lab.journal(), journal).items():
        guests = [at for at, step in enumerate(steps) if step == "spawning.start_domain"]
        assert len(guests) == sum(len(each) for name, each in on(operator, (*KERNELS, *SECTORS)).items() if name == host)
        networks = [at for at, step in enumerate(steps) if step in ("fabric.ensure_bridges", "fabric.ensure_vxlans")]
        rules = [at for at, step in enumerate(steps) if step in ("fabric.ensure_rules", "fabric.ensure_frames")]
        volumes = [at for at, step in enumerate(steps) if "volume" in step]
        assert networks, steps
        assert max(networks) < min(rules) <= max(rules) < min([*volumes, *guests]), steps
    for host, before in starts.items():
        after = operator.lab.starts(host)
        ran = {str(each["domain"]) for name, each in operator.instances().items() if name not in STOPPED and each["host"] == host}
        assert {name: count - before.get(name, 0) for name, count in after.items()} == {name: int(name in ran) for name in after}

    for name in KERNELS:
        operator.booted(name, boots=2)
    await_counts(operator, 2)
    assert Guest(operator, "k1").run(f"head -c 4 {data}") == "kept"
    reach(operator, boots=2)
    bare = loop_of_starts(operator, (*KERNELS, *SECTORS))
    with capsys.disabled():
        print(f"\n15 guests on 2 hosts back in {took:.1f} s; a bare loop of `virsh start` takes {bare:.1f} s: ratio {took / bare:.2f}")


@pytest.mark.parametrize("guests", [0, 1, 8])
def test_kill_9_in_its_midst(operator: Operator, guests: int) -> None:
    """The controller dies once the hosts have begun, and when so many guests were told to start: the same command again ends it."""
    operator = rebooted(Operator(roomy(conftest.lab_up(NAME, 2)), operator.folder))
    journal, starts = operator.lab.journal(), {host: operator.lab.starts(host) for host in operator.lab.hosts}
    process = operator.start("hard-reboot", "--all")

    def begun() -> str:
        steps = [step for each in since(operator.lab.journal(), journal).values() for step in each]
        return "begun" if steps and steps.count("spawning.start_domain") >= guests else ""

    conftest.wait(begun, 120)
    assert process.poll() is None
    process.kill()
    process.communicate()
    operator("hard-reboot", "--all")
    assert running(operator) == {*KERNELS, *SECTORS}
    again = {host: {name: count - starts[host].get(name, 0) for name, count in operator.lab.starts(host).items()} for host in starts}
    assert sorted(count for each in again.values() for count in each.values()) == [0] * len(STOPPED) + [1] * 15
    operator("verify")


def test_processes_that_libvirt_has_forgotten_are_not_started_beside(operator: Operator) -> None:
    """libvirt's files in /run wiped while QEMU lives: it calls the guests off, and would start each again on disks that are open."""
    operator = Operator(roomy(conftest.lab_up(NAME, 2)), operator.folder)
    host = list(operator.lab.hosts)[1]
    operator.lab.script(host, "kill -9 $(cat /run/libvirtd.pid); sleep 0.2; rm -rf /run/libvirt/qemu; libvirtd --daemon")
    operator.lab.script(host, "n=0; until virsh -q list >/dev/null 2>&1; do n=$((n + 1)); [ $n -lt 100 ] || exit 1; sleep 0.2; done")
    there = {name for name, each in operator.instances().items() if each["host"] == host} - set(STOPPED)
    assert not there & running(operator), "libvirt knows of none"
    processes = "pgrep -f -c -- '[q]emu-system.* -uuid '"
    starts, alive, journal = operator.lab.starts(host), operator.lab.script(host, processes), operator.lab.journal()
    done = operator("hard-reboot", "--host", host, code=3)
    assert len(re.findall(r"unmanaged QEMU: process \d+ runs the guest", done.stderr)) == len(there)
    assert operator.lab.starts(host) == starts, "no second start is issued"
    assert operator.lab.script(host, processes) == alive, "nothing is ended"
    assert "spawning.start_domain" not in since(operator.lab.journal(), journal)[host]
