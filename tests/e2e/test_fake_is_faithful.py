"""The in-memory host against a real one: the same batches, the same codes, words and facts. Where they differ, the fake is wrong."""

from __future__ import annotations

import os
import platform
import re
import struct
import subprocess
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from msgspec import Struct
from msgspec.structs import replace

from orchestrator.commands.command import Action, Batch, Command, Lane, Upload
from orchestrator.connections import ssh
from orchestrator.facts import disk, domain, file, gather, hypervisor, link, qemu
from orchestrator.files import inventory
from orchestrator.model.host import Host
from orchestrator.model.instance import Instance, Record
from orchestrator.planning import batches, course
from orchestrator.ports.transport import Transport
from orchestrator.states.instance import TABLE
from tests.e2e.conftest import Lab
from tests.fakes.host import FakeFleet
from tests.samples import instances

pytestmark = [pytest.mark.practice_hosts, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]
AT = "/var/lib/nova/instances/fidelity"
VIRSH = ("virsh", "-q", "-c", domain.URI)
Heard = list[tuple[str, int, str, int, str]]


class Side(Struct):
    """A host, real or not."""

    transport: Transport
    host: Host

    def run(self, *lanes: Lane) -> Heard:
        """What was heard of the lanes: lane, place, kind, code, words."""
        heard: Heard = []
        self.transport.run(
            self.host,
            Batch(str(uuid.uuid4()), 1, lanes),
            lambda record: heard.append((record.lane, record.index, record.kind, record.code, words(record.output))),
        )
        return sorted(heard)

    def look(self, keys: Sequence[gather.Key]) -> dict[gather.Key, object]:
        reads = self.transport.run(self.host, Batch("look", 0, reads=gather.commands(keys)), lambda record: None)
        return gather.parse(keys, reads)


class Pair(Struct):
    """Both."""

    real: Side
    fake: Side

    def run(self, *actions: Action) -> None:
        """Each action in a lane of its own, so that all of them run."""
        for action in actions:
            lane = Lane(f"instance/{uuid.uuid4()}", (action,))
            assert self.fake.run(lane) == self.real.run(lane), action.shown()

    def go(self, instance: Instance, state: str, trigger: str) -> None:
        """A course planned on the real host's facts, run on both."""
        record = Record(instance, state, "", None, 0, "active", None, "", "", "")
        facts = self.real.look(course.needs(instance))
        assert self.fake.look(course.needs(instance)) == facts
        chosen = course.chart(record, (trigger,), facts)
        assert chosen.problem is None
        lanes = [lane for lane in batches.lanes([chosen]) if lane.actions]
        assert self.fake.run(*lanes) == self.real.run(*lanes)
        expected = tuple(chosen.expects)
        assert self.fake.look(expected) == self.real.look(expected) == dict(chosen.expects)
        assert self.fake.look(course.needs(instance)) == self.real.look(course.needs(instance))


def words(output: bytes) -> str:
    """An output without what is another one each time, or of no meaning."""
    text = output.decode("utf-8", "replace").strip()
    text = re.sub(r"(?s)(\(domain_definition\):1: ).*", r"\1...", text)
    return re.sub(r"(?s)^mkswap: .*|^Setting up swapspace.*", "mkswap", text)


@pytest.fixture
def pair(lab: Lab) -> Iterator[Pair]:
    hosts = inventory.load([str(lab.inventory)]).hosts
    real = Side(ssh.SshTransport(), next(iter(hosts.values())))
    found = Pair(real, Side(FakeFleet([real.host.name]), real.host))
    for side in (found.real, found.fake):
        side.run(Lane(f"instance/{uuid.uuid4()}", (Command(("rm", "-rf", "--", AT)), Command(("mkdir", "-p", "--", AT)))))
    yield found
    for name in ("fidelity-a", "fidelity-b"):
        for verb in ("destroy", "undefine"):
            real.run(Lane(f"instance/{uuid.uuid4()}", (Command((*VIRSH, verb, "--domain", name), accepts=(0, 1)),)))
    for argv in (("rm", "-rf", "--", AT), ("ip", "link", "del", "dev", "fid-br"), ("ip", "link", "del", "dev", "fid-tap")):
        real.run(Lane(f"instance/{uuid.uuid4()}", (Command(argv, accepts=(0, 1)),)))
    real.transport.close()


def test_files(pair: Pair) -> None:
    a, b, c, f, missing = (f"{AT}/{name}" for name in ("a", "b", "c", "f", "missing"))
    argvs = (
        *(("mkdir", "--", a), ("mkdir", "--", a), ("mkdir", "--", f"{missing}/x"), ("mkdir", "-p", "--", f"{c}/d/e")),
        *(("truncate", "-s", "1000", "--", f), ("mkdir", "-p", "--", f), ("mkdir", "-p", "--", f"{f}/x"), ("mkdir", "--", f"{f}/x")),
        *(("stat", "-c", "%F\t%n", "--", a, f, missing), ("sha256sum", "--", f, a, missing), ("cat", "--", missing)),
        *(("truncate", "-s", "1", "--", f"{missing}/x"), ("truncate", "-s", "1", "--", a), ("sync", f), ("sync", missing)),
        *(("rm", "--", missing), ("rm", "-f", "--", missing), ("rm", "--", a), ("rm", "-f", "--", a)),
        *(("mv", "-T", "--", missing, b), ("mv", "-T", "--", f, a), ("mv", "-T", "--", a, f), ("mv", "-T", "--", a, c)),
        *(("mv", "-T", "--", f, f"{missing}/f"), ("mv", "-T", "--", c, a), ("mv", "-T", "--", a, b), ("mv", "-T", "--", f, f"{AT}/g")),
        *(("truncate", "-s", "5", "--", f), ("mv", "-nT", "--", f, f"{AT}/g"), ("stat", "-c", "%F %s", "--", f, f"{AT}/g")),
        *(("install", "-T", "-m", "0600", "--", "/dev/null", path) for path in (f"{AT}/i", f"{AT}/g", f"{missing}/i", AT)),
        *(("mkdir", "-p", "-m", "0711", "--", f"{AT}/p"), ("stat", "-c", "%F %a %s", "--", f"{AT}/i", f"{AT}/g")),
        *(("stat", "-c", "%F %a", "--", f"{AT}/p"),),
        *(("rm", "-rf", "--", b), ("stat", "-c", "%F", "--", b), ("false",), ("nothing-of-the-kind",), ("sleep", "0")),
    )
    pair.run(*(Command(argv) for argv in argvs))
    wrong = f"{'0' * 64}  {f}\n"
    pair.run(Command(("sha256sum", "--check", "--status", "-"), stdin=wrong))
    pair.run(Command(("sha256sum", "--check", "--status", "-"), stdin=wrong.replace(f, missing)))


def test_disks(pair: Pair) -> None:
    base, overlay, missing, junk = (f"{AT}/{name}" for name in ("base", "disk", "missing", "junk"))
    create = ("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b")
    blank = ("env", "E2FSPROGS_FAKE_TIME=1", "mkfs.ext4", "-q", "-F", "-L", "ephemeral0", "-U", str(uuid.UUID(int=1)), "--")
    argvs = (
        *(("truncate", "-s", "10485760", "--", base), ("truncate", "-s", "9999", "--", junk)),
        *((*create, base, overlay, "20971520"), (*create, missing, overlay, "20971520"), (*create, base, f"{missing}/disk", "1048576")),
        *(("qemu-img", "convert", "-f", form, "-O", "raw", path, f"{AT}/out") for form, path in (("raw", junk), ("qcow2", missing))),
        *(("qemu-img", "convert", "-f", "qcow2", "-O", "raw", junk, f"{AT}/out"), (*blank, base), (*blank, missing)),
        *(("qemu-img", "resize", "-q", "-f", "qcow2", path, "41943040") for path in (overlay, missing)),
        *(("chmod", "0600", "--", path) for path in (overlay, missing)),
    )
    pair.run(*(Command(argv) for argv in argvs))
    keys = tuple(kind.Key(path) for path in (base, overlay, missing, junk) for kind in (disk, file))
    assert pair.fake.look(keys) == pair.real.look(keys)


def test_links(pair: Pair) -> None:
    def set_(*words: str) -> tuple[str, ...]:
        return ("ip", "link", "set", "dev", *words)

    add = ("ip", "link", "add", "name", "fid-br", "type", "bridge")
    argvs = (
        *(
            add,
            add,
            set_("fid-br", "alias", "orc7c9e66"),
            set_("fid-br", "up"),
            set_("fid-none", "up"),
            set_("fid-br", "master", "fid-none"),
        ),
        *(("ip", "link", "del", "dev", "fid-none"), set_("fid-br", "down")),
    )
    pair.run(*(Command(argv) for argv in argvs))
    keys = tuple(link.Key(name) for name in ("fid-br", "fid-none", "lo"))
    assert pair.fake.look(keys) == pair.real.look(keys)
    pair.run(Command(("ip", "link", "del", "dev", "fid-br")), Command(("ip", "link", "del", "dev", "fid-br")))


def xml(name: str, identity: int, tap: str = "fid-tap") -> bytes:
    return f"""<domain type='qemu'><name>{name}</name><uuid>{uuid.UUID(int=identity)}</uuid><memory unit='MiB'>32</memory>
<os><type arch='x86_64' machine='pc'>hvm</type></os><devices>
<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{AT}/{name}.disk'/><target dev='vda' bus='virtio'/></disk>
<interface type='bridge'><source bridge='fid-br'/><target dev='{tap}'/><model type='virtio'/></interface>
</devices></domain>""".encode()


def test_domains(pair: Pair) -> None:
    def virsh(*words: str) -> Command:
        return Command((*VIRSH, *words))

    def define(name: str) -> Command:
        return virsh("define", "--file", f"{AT}/{name}.xml")

    a, b, none = ("--domain", "fidelity-a"), ("--domain", "fidelity-b"), ("--domain", "fidelity-none")
    files = {"a": xml("fidelity-a", 1), "a2": xml("fidelity-a", 2), "b1": xml("fidelity-b", 1), "b": xml("fidelity-b", 3), "junk": b"junk"}
    pair.run(*(Upload(f"{AT}/{name}.xml", content) for name, content in files.items()))
    pair.run(define("a"), define("a"), define("a2"), define("b1"), define("b"), define("junk"), define("missing"))
    pair.run(*(virsh(verb, *who) for verb in ("destroy", "resume", "suspend", "shutdown") for who in (a, none)), virsh("start", *none))
    pair.run(virsh("start", *a))  # no disk
    pair.run(Command(("truncate", "-s", "1048576", "--", f"{AT}/base")))
    create = ("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", f"{AT}/base")
    pair.run(*(Command((*create, f"{AT}/{name}.disk", "1048576")) for name in ("fidelity-a", "fidelity-b")))
    pair.run(
        Command(("mv", "-T", "--", f"{AT}/base", f"{AT}/away")), virsh("start", *a), Command(("mv", "-T", "--", f"{AT}/away", f"{AT}/base"))
    )
    pair.run(virsh("start", *a))  # no bridge
    pair.run(Command(("ip", "link", "add", "name", "fid-br", "type", "bridge")), Command(("ip", "link", "set", "dev", "fid-br", "up")))
    grow = ("blockresize", *a, "--path")
    pair.run(virsh(*grow, f"{AT}/fidelity-a.disk", "--size", "2097152B"))  # not running
    pair.run(virsh("start", *a), virsh("start", *a), virsh("start", *b), define("a"), virsh("resume", *a), virsh("suspend", *a))
    look(pair)
    pair.run(*(virsh(*grow, f"{AT}/{name}.disk", "--size", "2097152B") for name in ("fidelity-a", "fidelity-b")))
    pair.run(Command(("qemu-img", "resize", "-q", "-f", "qcow2", f"{AT}/fidelity-a.disk", "4194304")))
    grown = (disk.Key(f"{AT}/fidelity-a.disk"),)
    assert pair.fake.look(grown) == pair.real.look(grown) == {grown[0]: disk.Disk("qcow2", 2097152, f"{AT}/base")}
    pair.run(virsh("start", *a), virsh("resume", *a), virsh("undefine", *a, "--keep-nvram"))
    look(pair)
    pair.run(virsh("undefine", *a, "--keep-nvram"), virsh("destroy", "--domain", str(uuid.UUID(int=1))))
    look(pair)
    pair.run(virsh("destroy", *a), virsh("undefine", *a, "--keep-nvram"), virsh("undefine", *b, "--keep-nvram"))
    look(pair)


def test_what_libvirt_says_of_the_host(pair: Pair) -> None:
    """A host in memory that has what the real one has says the same of it."""
    key = hypervisor.Key()
    said = pair.real.look([key])[key]
    assert isinstance(said, hypervisor.Hypervisor)
    assert said.arch == platform.machine()
    assert sorted(cpu for cell in said.cells for cpu in cell.cpus) == list(range(os.cpu_count() or 0))
    assert isinstance(pair.fake.transport, FakeFleet)
    state = pair.fake.transport.hosts[pair.fake.host.name]
    state.arch, state.cpu_model, state.cpu_vendor, state.cpu_features = said.arch, said.cpu_model, said.cpu_vendor, said.cpu_features
    state.qemu = ".".join(str(said.hypervisor_version // part % 1000) for part in (1_000_000, 1000, 1))
    state.cells, state.vcpus = len(said.cells), sum(len(cell.cpus) for cell in said.cells)
    state.memory_mb = sum(cell.memory_mb for cell in said.cells)
    assert pair.fake.look([key])[key] == said


def look(pair: Pair) -> None:
    devices = (link.Key("fid-tap"), link.Key("fid-br"))
    keys: tuple[gather.Key, ...] = (domain.Key("fidelity-a"), domain.Key("fidelity-b"), qemu.Key(str(uuid.UUID(int=1))), *devices)
    assert pair.fake.look(keys) == pair.real.look(keys)


def test_a_life(pair: Pair, tmp_path: Path) -> None:
    """Built, hard-rebooted, stopped, started, given a port, made anew, deleted: every action of every step, on both."""
    source = tmp_path / "image.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(source), "16M"], check=True)  # noqa: S607
    content = source.read_bytes()
    image = replace(instances.image(source, content, os_shutdown_timeout="1"), virtual_size=struct.unpack(">Q", content[24:32])[0])
    one = instances.new(0x7FFFFFF0, instances.port(200, bridge="fid-br"), path=AT, ephemeral=1, swap=16, image=image, config_drive=True)
    pair.run(Command(("ip", "link", "add", "name", "fid-br", "type", "bridge")), Command(("ip", "link", "set", "dev", "fid-br", "up")))
    try:
        pair.go(one, TABLE.initial, "build")
        ran = replace(one, launched=True)
        pair.go(ran, "ACTIVE", "hard_reboot")
        pair.go(ran, "ACTIVE", "stop")
        ran = replace(ran, disks=tuple(replace(each, size=each.size << 1) for each in ran.disks))
        pair.go(ran, "STOPPED", "start")
        second = instances.port(201, bridge="fid-br")
        ran = replace(ran, ports=(*ran.ports, replace(second, status="attaching")))
        pair.go(ran, "ACTIVE", "update")
        ran = replace(
            ran, ports=(*ran.ports[:1], replace(second, status="detaching")), renews=("disk", "disk.swap", "disk.config", "nvram.fd")
        )
        pair.go(ran, "ACTIVE", "rebuild")
    finally:
        pair.go(one, "ACTIVE", "delete")
    fleet = pair.fake.transport
    assert isinstance(fleet, FakeFleet)
    assert fleet.hosts[pair.fake.host.name].unknown == []
