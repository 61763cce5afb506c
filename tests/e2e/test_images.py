"""Images on practice hosts: fetched, refused, interrupted, lost, damaged, removed."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import Struct

from tests.e2e import playbooks
from tests.e2e.conftest import Lab, Operator, halting_disk, wait
from tests.images import web

pytestmark = [pytest.mark.practice_hosts, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]
PATH = "/var/lib/nova/instances"


class Source(Struct):
    """A web server on this machine's end of the lab's wire, and a halting image of this test alone in its folder."""

    folder: Path
    address: str

    @property
    def image(self) -> Path:
        return self.folder / "halt.qcow2"

    def url(self, path: str) -> str:
        return f"http://{self.address}/{path}"

    @property
    def asked(self) -> int:
        log = self.folder / "asked"
        return len(log.read_text().splitlines()) if log.exists() else 0


def unique(folder: Path) -> Path:
    """An image with noise in it: nobody else has it in a cache."""
    halting_disk(folder)
    raw = folder / "halt.raw"
    raw.write_bytes(raw.read_bytes()[:512] + os.urandom(4096) + bytes((1 << 20) - 512 - 4096))
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(raw), str(folder / "halt.qcow2")], check=True)  # noqa: S607
    return folder / "halt.qcow2"


@pytest.fixture
def source(lab: Lab, tmp_path: Path) -> Iterator[Source]:
    unique(tmp_path)
    here = str(next(iter(lab.hosts.values()))["address"]).rpartition(".")[0] + ".1"
    with web.served(tmp_path, here) as (_, port):
        yield Source(tmp_path, f"{here}:{port}")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def play(address: str, digest: str, count: int = 1, hosts: str = "compute") -> str:
    text = playbooks.play(Path("/x"), count, hosts=hosts, name="img")
    return text.replace('source: "/x"', f'source: "{address}", checksum: "sha256:{digest}"')


def base_of(lab: Lab, host: str, digest: str) -> list[Path]:
    """The bases there that were made of the image with this digest."""
    manifests = (lab.files(host) / PATH.lstrip("/") / "_base").glob("*.sha256")
    return [path.with_suffix("") for path in manifests if digest in path.read_text()]


def told(lab: Lab, host: str, what: str, digest: str) -> int:
    """How often the host's journal has it."""
    (base,) = base_of(lab, host, digest)
    return sum(f" {what} " in line and base.name in line for line in lab.journal()[host])


def test_each_host_fetches_it_once(operator: Operator, lab: Lab, source: Source) -> None:
    digest, (first, second, *_) = sha256(source.image), lab.hosts
    site = operator.playbook("site.yaml", play(source.url(f"to?/file?{source.image}"), digest, 4, f"{first},{second}"))
    operator("apply", site)
    assert {each["state"] for each in operator.instances().values()} == {"ACTIVE"}
    assert source.asked == 4, "a redirect and the image, for each of two hosts"
    for host in (first, second):
        assert [told(lab, host, what, digest) for what in ("fetch-image", "inspect-image", "convert-image")] == [1, 1, 1]
    assert operator("plan", site).stdout.startswith("No changes")


REFUSED = {
    "wrong checksum": ("image", f"expected sha256:{'1' * 64}, got sha256:{hashlib.sha256(web.IMAGE).hexdigest()}"),
    "cut short and unknown": ("short", f"expected sha256:{'1' * 64}, got sha256:"),
    "truncated": ("truncated", "expected an image, got status 200 and 524288 bytes, 3 times"),
    "not there": ("nothing", "expected an image, got status 404"),
    "to this host": ("to?http://127.0.0.1/image", "127.0.0.1 is 127.0.0.1"),
    "too large": ("large", "is larger than"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_says_what_it_got_and_leaves_nothing(case: str, operator: Operator, lab: Lab, source: Source) -> None:
    host, (path, words) = next(iter(lab.hosts)), REFUSED[case]
    before = sorted((lab.files(host) / PATH.lstrip("/")).glob("_base/*"))
    site = operator.playbook("site.yaml", play(source.url(path), "1" * 64, hosts=host))
    done = operator("apply", site, code=3)
    assert words in done.stderr
    assert sorted((lab.files(host) / PATH.lstrip("/")).glob("_base/*")) == before


@pytest.mark.parametrize("during", ["fetch-image", "convert-image"])
def test_killed_while_it_is_made(operator: Operator, lab: Lab, source: Source, during: str) -> None:
    """The controller dies while the host fetches, or converts: the host does each once."""
    host, digest = next(iter(lab.hosts)), sha256(source.image)
    site = operator.playbook("site.yaml", play(source.url(f"drip/4?{source.image}"), digest, 2, host))
    before = len(lab.journal()[host])
    process = operator.start("apply", site)
    wait(lambda: "yes" if any(f" {during} " in line for line in lab.journal()[host][before:]) else "", 60)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    operator("apply", site)
    assert {each["state"] for each in operator.instances().values()} == {"ACTIVE"}
    assert source.asked == 1
    assert [told(lab, host, what, digest) for what in ("fetch-image", "convert-image")] == [1, 1]


@pytest.fixture
def small(operator: Operator, lab: Lab) -> Iterator[tuple[str, list[str]]]:
    """A host whose instances have 40 MiB of disk, and the inventories that say so."""
    host, path = list(lab.hosts)[1], "/var/lib/small"
    lab.script(host, f"mkdir -p {path} && mount -t tmpfs -o size=40m tmpfs {path}")
    more = operator.playbook("small.yaml", f"compute: {{hosts: {{{host}: {{instances_path: {path}, disk_allocation_ratio: 1000}}}}}}\n")
    yield host, ["-i", str(lab.inventory), "-i", more]
    names = list(operator.instances())
    if names:
        operator("destroy", "--yes", *names, "-i", str(lab.inventory), "-i", more)
    lab.script(host, f"umount {path}")


def test_a_small_disk(operator: Operator, lab: Lab, source: Source, small: tuple[str, list[str]]) -> None:
    """Endless, too large to unfold, too large to send: each is refused with both numbers, or what there is room for, and nothing is left."""
    host, inventories = small
    folded = source.folder / "folded.qcow2"
    (source.folder / "plain").write_bytes(os.urandom(65536) * 960)
    argv = [
        "qemu-img",
        "convert",
        "-c",
        "-f",
        "raw",
        "-O",
        "qcow2",
        "-o",
        "compression_type=zstd",
        str(source.folder / "plain"),
        str(folded),
    ]
    subprocess.run(argv, check=True)
    cached = lab.files(host) / "var/lib/small/_base"
    for path, digest, words in (
        ("endless", "1" * 64, "which are allowed or there is room for"),
        (f"file?{folded}", sha256(folded), "no room for the image: it needs" if folded.stat().st_size < 20 << 20 else "there is room for"),
    ):
        site = operator.playbook("site.yaml", play(source.url(path), digest, hosts=host))
        assert words in operator("apply", site, *inventories, code=3).stderr
        assert list(cached.glob("*")) == []
        operator("destroy", "--yes", site, *inventories)
    local = operator.playbook(
        "local.yaml", playbooks.play(source.folder / "plain", hosts=host).replace("properties", "disk_format: raw, properties")
    )
    assert "disk" in operator("apply", local, *inventories, code=3).stderr
    assert list(cached.glob("*")) == []


def test_a_lost_image_comes_from_another_host_and_a_damaged_one_is_found(operator: Operator, lab: Lab, source: Source) -> None:
    first, second, *_ = lab.hosts
    digest = sha256(source.image)
    text = playbooks.play(source.image, 2, name="lost", hosts=f"{first},{second}")
    site = operator.playbook("site.yaml", text)
    operator("apply", site)
    homes = {str(each["host"]): name for name, each in operator.instances().items()}
    assert set(homes) == {first, second}
    (base,) = base_of(lab, first, digest)
    before = base.read_bytes()
    base.unlink()
    shutil.move(source.image, source.folder / "away")
    operator("hard-reboot", homes[first])
    assert base.read_bytes() == before
    assert operator("image", "verify", "guest", "-l", f"{first},{second}").stdout.count(" whole ") >= 2
    operator("stop", homes[first])
    base.write_bytes(b"X" + before[1:])
    found = operator("image", "verify", "-l", first, code=2).stdout
    assert homes[first] in next(line for line in found.splitlines() if base.name in line)
    base.write_bytes(before)
    operator("image", "prune", "--yes", "--older-than", "0", "-l", first)
    assert base.exists(), "an instance is on it"
    shutil.move(source.folder / "away", source.image)
    operator("destroy", "--yes", site)
    operator("image", "prune", "--yes", "--older-than", "0", "-l", f"{first},{second}")
    assert not base_of(lab, first, digest)
    assert not base_of(lab, second, digest)
