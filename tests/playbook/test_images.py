"""Image files: good ones are taken, and whatever could deceive QEMU is refused before QEMU sees it."""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.drivers.images import qcow2, raw
from orchestrator.files import image
from orchestrator.model import errors
from tests.playbook.samples import CLUSTER, Qcow2

BIT = {number: 1 << number for number in range(64)}


def extension(kind: int, data: bytes = b"qcow2\0\0\0") -> bytes:
    return struct.pack(">II", kind, len(data)) + data + bytes(8)


REFUSED_QCOW2 = {
    "backing file": (Qcow2(backing=(200, 11)), "backing file"),
    "backing length alone": (Qcow2(backing=(0, 11)), "backing file"),
    "backing format": (Qcow2(extensions=extension(0xE2792ACA)), "backing format"),
    "data file bit": (Qcow2(features=BIT[2]), "another file"),
    "data file extension": (Qcow2(extensions=extension(0x44415441, b"/etc/passwd\0\0\0\0\0")), "data file"),
    "second extension": (Qcow2(extensions=extension(0x6803F857)[:-8] + extension(0x44415441)), "data file"),
    "luks extension": (Qcow2(extensions=extension(0x0537BE77, bytes(16))), "encrypted"),
    "dirty": (Qcow2(features=BIT[0]), "dirty"),
    "corrupt": (Qcow2(features=BIT[1]), "corrupt"),
    **{f"feature bit {bit}": (Qcow2(features=BIT[bit]), "unknown") for bit in (5, 6, 7, 31, 32, 63)},
    "compression without its type": (Qcow2(features=BIT[3]), "compression"),
    "type without its bit": (Qcow2(header_length=112, extensions=b"\x01" + bytes(15)), "compression"),
    "unknown compression": (Qcow2(features=BIT[3], header_length=112, extensions=b"\x02" + bytes(15)), "compression"),
    **{f"version {number}": (Qcow2(version=number), "version") for number in (0, 1, 4, 2**32 - 1)},
    "AES": (Qcow2(crypt=1), "encrypted"),
    "LUKS": (Qcow2(crypt=2), "encrypted"),
    "internal snapshots": (Qcow2(snapshots=1), "snapshots"),
    **{f"cluster bits {bits}": (Qcow2(cluster_bits=bits), "cluster size") for bits in (0, 8, 22, 63, 64, 2**32 - 1)},
    **{f"virtual size {size}": (Qcow2(virtual=size), "virtual size") for size in (0, 2**46 + 512, 2**63, 2**64 - 1)},
    **{f"header length {size}": (Qcow2(header_length=size), "header") for size in (0, 72, 103, 105, 2**16 + 8, 2**32 - 8)},
    "extension beyond the cluster": (Qcow2(extensions=struct.pack(">II", 1, 2**31)), "extension"),
    "refcount order": (Qcow2(refcount_order=7), "refcount"),
    "huge refcount order": (Qcow2(refcount_order=2**32 - 1), "refcount"),
    "no L1": (Qcow2(l1=(0, CLUSTER)), "L1"),
    "L1 too short": (Qcow2(l1=(1, CLUSTER)), "L1 table is too short"),
    "huge L1": (Qcow2(l1=(2**32 - 1, CLUSTER)), "L1"),
    "L1 at zero": (Qcow2(l1=(2, 0)), "L1"),
    "L1 unaligned": (Qcow2(l1=(2, CLUSTER + 8)), "L1"),
    "L1 beyond the end": (Qcow2(l1=(2, 5 * CLUSTER)), "beyond the end"),
    "L1 far beyond": (Qcow2(l1=(2, 2**63)), "beyond the end"),
    "refcounts beyond": (Qcow2(refcounts=(2**62, 1)), "beyond the end"),
    "refcounts at zero": (Qcow2(refcounts=(0, 1)), "refcount"),
    "no refcounts": (Qcow2(refcounts=(4 * CLUSTER, 0)), "refcount"),
    "huge refcounts": (Qcow2(refcounts=(4 * CLUSTER, 2**32 - 1)), "refcount"),
    "L2 beyond": (Qcow2(l2=5 * CLUSTER), "beyond the end"),
    "L2 half beyond": (Qcow2(length=5 * CLUSTER + 512, l2=5 * CLUSTER), "beyond the end"),
    "L2 unaligned": (Qcow2(l2=2 * CLUSTER + 512), "L2"),
    "data beyond": (Qcow2(data=5 * CLUSTER), "beyond the end"),
    "compressed data beyond": (Qcow2(data=5 * CLUSTER | 1 << 62), "beyond the end"),
    "truncated": (Qcow2(length=70_000), "beyond the end"),
    "only a header": (Qcow2(length=104), "beyond the end"),
    "half a header": (Qcow2(length=60), "beyond the end"),
    "magic alone": (Qcow2(length=4), "beyond the end"),
    "polyglot iso": (Qcow2(patches={0x8001: b"CD001"}), "iso and qcow2"),
    "polyglot vdi": (Qcow2(patches={0x40: b"\x7f\x10\xda\xbe"}), "vdi"),
    "polyglot vhd": (Qcow2(patches={5 * CLUSTER - 512: b"conectix"}), "vhd"),
    "not qcow2": (Qcow2(magic=b"\0\0\0\0"), "no qcow2 signature"),
    "qcow 1": (Qcow2(version=1), "version"),
}
SECTOR = bytes(512)
QEMU_IMG = shutil.which("qemu-img") or ""
REFUSED_RAW = {
    "qcow2": Qcow2().content(),
    "qcow2 alone": b"QFI\xfb".ljust(512, b"\0"),
    "vmdk": b"KDMV".ljust(1024, b"\0"),
    "vmdk 3": b"COWD".ljust(1024, b"\0"),
    "vmdk descriptor": b'# Disk DescriptorFile\nRW 1 FLAT "/etc/passwd" 0\n'.ljust(1024, b"\0"),
    "vdi": (bytes(0x40) + b"\x7f\x10\xda\xbe").ljust(1024, b"\0"),
    "vhdx": b"vhdxfile".ljust(1024, b"\0"),
    "vhd": b"conectix".ljust(1024, b"\0"),
    "vhd fixed": SECTOR + b"conectix".ljust(512, b"\0"),
    "qed": b"QED\0".ljust(1024, b"\0"),
    "luks": b"LUKS\xba\xbe\0\x01".ljust(1024, b"\0"),
    "parallels": b"WithoutFreeSpace".ljust(1024, b"\0"),
    "parallels 2": b"WithouFreSpacExt".ljust(1024, b"\0"),
    "bochs": b"Bochs Virtual HD Image".ljust(1024, b"\0"),
    "iso": (bytes(0x8001) + b"CD001").ljust(40960, b"\0"),
    "dmg": SECTOR + b"koly".ljust(512, b"\0"),
    "gzip": b"\x1f\x8b\x08".ljust(512, b"\0"),
    "xz": b"\xfd7zXZ\0".ljust(512, b"\0"),
    "tar": (bytes(257) + b"ustar").ljust(1024, b"\0"),
    "part of a sector": bytes(513),
}


def inspect(content: bytes, tmp_path: Path, disk_format: str, checksum: str | None = None) -> image.Inspected:
    file = tmp_path / "image"
    file.write_bytes(content)
    return image.inspect(file, disk_format, checksum, {})


def test_good_qcow2(tmp_path: Path) -> None:
    content = Qcow2().content()
    found = inspect(content, tmp_path, "qcow2")
    assert found == image.Inspected(hashlib.sha256(content).hexdigest(), len(content), 1 << 30)


@pytest.mark.parametrize(
    "good",
    [
        Qcow2(version=2, extensions=bytes(8)),
        Qcow2(l2=0),
        Qcow2(features=BIT[3], header_length=112, extensions=b"\x01" + bytes(15)),
        Qcow2(features=BIT[4], virtual=1 << 20),
        Qcow2(extensions=extension(0x6803F857, bytes(48))),
    ],
    ids=["version 2", "empty", "zstd", "extended L2", "feature names"],
)
def test_good_variants(good: Qcow2, tmp_path: Path) -> None:
    assert inspect(good.content(), tmp_path, "qcow2").virtual_size == good.virtual


@pytest.mark.parametrize("case", REFUSED_QCOW2)
def test_refused_qcow2(case: str, tmp_path: Path) -> None:
    bad, word = REFUSED_QCOW2[case]
    with pytest.raises(errors.SpecError, match=word):
        inspect(bad.content(), tmp_path, "qcow2")


@pytest.mark.parametrize("case", REFUSED_RAW)
def test_refused_raw(case: str, tmp_path: Path) -> None:
    with pytest.raises(errors.SpecError, match="raw image"):
        inspect(REFUSED_RAW[case], tmp_path, "raw")


def test_good_raw(tmp_path: Path) -> None:
    assert inspect(bytes(1024), tmp_path, "raw").virtual_size == 1024


def test_checksums(tmp_path: Path) -> None:
    content = bytes(512)
    for algorithm in ("sha256", "sha512"):
        digest = hashlib.new(algorithm, content).hexdigest()
        found = inspect(content, tmp_path, "raw", f"{algorithm}:{digest}")
        assert found.digest == hashlib.sha256(content).hexdigest()
        with pytest.raises(image.WrongChecksum, match=digest):
            inspect(content, tmp_path, "raw", f"{algorithm}:{'0' * len(digest)}")


def test_a_checksum_is_worked_out_once(tmp_path: Path) -> None:
    file = tmp_path / "disk.raw"
    file.write_bytes(bytes(512))
    digests: dict[str, str] = {}
    image.inspect(file, "raw", None, digests)
    (key,) = digests
    digests[key] = "remembered"
    assert image.inspect(file, "raw", None, digests).digest == "remembered"
    file.write_bytes(bytes(1024))
    assert image.inspect(file, "raw", None, digests).digest == hashlib.sha256(bytes(1024)).hexdigest()


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "empty").touch()
    (tmp_path / "loop").symlink_to("loop")
    for path in (tmp_path, tmp_path / "fifo", tmp_path / "empty", tmp_path / "loop", tmp_path / "gone", Path("/dev/zero"), Path("/a\0b")):
        with pytest.raises(errors.SpecError):
            image.inspect(path, "raw", None, {})


@pytest.mark.parametrize(
    "source",
    [
        "http://127.0.0.1/b",
        "http://me:word@a/b",
        "http:/a",
        "HTTPS://a",
        "file:///etc/passwd",
        "ftp://x",
        "nbd:unix:/x",
        "json:{}",
        "gopher://x",
        "ssh:x",
    ],
)
def test_sources_that_are_no_paths(source: str) -> None:
    with pytest.raises(errors.SpecError):
        image.remote(source)


@given(st.binary(max_size=200), st.integers(min_value=0, max_value=110))
def test_no_bytes_confuse_the_parsers(noise: bytes, offset: int) -> None:
    content = bytearray(Qcow2().content())
    content[offset : offset + len(noise)] = noise
    for inspector in (qcow2.virtual_size, raw.virtual_size):
        try:
            size = inspector(lambda at, length: bytes(content[at : at + length]), len(content))
        except errors.SpecError:
            continue
        assert 0 < size <= qcow2.MAX_VIRTUAL


@pytest.mark.skipif(not QEMU_IMG, reason="needs qemu-img")
def test_what_qemu_img_makes(tmp_path: Path) -> None:
    """Every kind of image that QEMU itself makes: plain ones are taken, all others refused."""

    def make(name: str, *options: str) -> Path:
        subprocess.run([QEMU_IMG, "create", "-q", *options, str(tmp_path / name), "64M"], check=True, cwd=tmp_path)
        return tmp_path / name

    good = [
        make("v3", "-f", "qcow2"),
        make("v2", "-f", "qcow2", "-o", "compat=0.10"),
        make("small", "-f", "qcow2", "-o", "cluster_size=512"),
        make("large", "-f", "qcow2", "-o", "cluster_size=2M"),
        make("extended", "-f", "qcow2", "-o", "extended_l2=on"),
        make("allocated", "-f", "qcow2", "-o", "preallocation=metadata"),
        make("lazy", "-f", "qcow2", "-o", "lazy_refcounts=on"),
    ]
    for compress in ([], ["-c"], ["-c", "-o", "compression_type=zstd"]):
        source, target = tmp_path / "noise", tmp_path / f"converted{len(good)}"
        source.write_bytes(os.urandom(3_000_320 - 3_000_320 % 512))
        subprocess.run([QEMU_IMG, "convert", "-f", "raw", "-O", "qcow2", *compress, source, target], check=True)
        assert image.inspect(target, "qcow2", None, {}).virtual_size == source.stat().st_size
        cut = tmp_path / "cut"
        cut.write_bytes(target.read_bytes()[:2_000_000])
        with pytest.raises(errors.SpecError, match="beyond the end"):
            image.inspect(cut, "qcow2", None, {})
    assert {image.inspect(path, "qcow2", None, {}).virtual_size for path in good} == {64 << 20}
    bad = [
        make("backed", "-f", "qcow2", "-b", "v3", "-F", "qcow2"),
        make("elsewhere", "-f", "qcow2", "-o", "data_file=data"),
        *(make(kind, "-f", kind) for kind in ("vmdk", "vdi", "vhdx", "vpc", "qed", "parallels")),
    ]
    for path in bad:
        for disk_format in ("qcow2", "raw"):
            with pytest.raises(errors.SpecError):
                image.inspect(path, disk_format, None, {})
