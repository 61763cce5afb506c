"""Image files that must be refused, and images that must be taken: the first made byte by byte, the others by the tools that people use."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import struct
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pycdlib

from tests.playbook.samples import CLUSTER, Qcow2
from tests.playbook.test_images import REFUSED_QCOW2, REFUSED_RAW

MIB = 1 << 20
SECTOR = bytes(512)


def iso(content: bytes = b"hello\n") -> bytes:
    """A small volume with one file."""
    made, out = pycdlib.PyCdlib(), io.BytesIO()
    made.new(vol_ident="small")
    made.add_fp(io.BytesIO(content), len(content), "/A.;1")
    made.write_fp(out)
    made.close()
    return out.getvalue()


def patched(content: bytes, patches: dict[int, bytes]) -> bytes:
    whole = bytearray(content)
    for offset, part in patches.items():
        whole[offset : offset + len(part)] = part
    return bytes(whole)


def unfolding() -> bytes:
    """A qcow2 file of five clusters that says 8,192 times that the fourth is its data: 512 MiB out of 320 KiB."""
    return Qcow2(patches={2 * CLUSTER: struct.pack(">Q", 3 * CLUSTER | 1 << 63) * (CLUSTER // 8)}).content()


def archive(member: tarfile.TarInfo) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as made:
        made.addfile(member)
    return out.getvalue()


def link(name: str, target: str) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = tarfile.SYMTYPE, target
    return made


def refused() -> dict[str, tuple[str, bytes]]:
    """Declared format and content by name."""
    found = {f"qcow2: {name}": ("qcow2", each.content()) for name, (each, _) in REFUSED_QCOW2.items()}
    found |= {f"raw: {name}": ("raw", content) for name, content in REFUSED_RAW.items()}
    volume = iso()
    found |= {
        "qcow2: unfolding": ("qcow2", unfolding()),
        "qcow2: extensions without end": ("qcow2", Qcow2(cluster_bits=21, extensions=struct.pack(">II", 1, MIB)).content()),
        "qcow2: backing file in its own header": ("qcow2", Qcow2(backing=(104, 11), extensions=b"/etc/passwd").content()),
        "qcow2: json backing file": ("qcow2", Qcow2(backing=(120, 30), extensions=b'json:{"file":"/etc/shadow"}   ').content()),
        "qcow2: raw bytes": ("qcow2", bytes(MIB)),
        "qcow2: iso": ("qcow2", volume),
        "qcow2: gzip of one": ("qcow2", gzip.compress(Qcow2().content())),
        "raw: gzip bomb": ("raw", gzip.compress(bytes(8 * MIB)).ljust(512 * 20, b"\0")),
        "raw: xz bomb": ("raw", lzma.compress(bytes(8 * MIB)).ljust(512 * 8, b"\0")),
        "raw: bzip2": ("raw", b"BZh9".ljust(512, b"\0")),
        "raw: zstd": ("raw", b"\x28\xb5\x2f\xfd".ljust(512, b"\0")),
        "raw: zip": ("raw", b"PK\x03\x04".ljust(512, b"\0")),
        "raw: tar that climbs out": ("raw", archive(tarfile.TarInfo("../../etc/passwd"))),
        "raw: tar of a link": ("raw", archive(link("disk", "/etc/shadow"))),
        "raw: cloop": ("raw", b"#!/bin/sh\n#V2.0 Format\nmodprobe cloop".ljust(512, b"\0")),
        "raw: qcow2 and vhd": ("raw", patched(Qcow2().content(), {5 * CLUSTER - 512: b"conectix"})),
        "raw: one byte": ("raw", b"\0"),
        "raw: empty": ("raw", b""),
        "raw: whole iso": ("raw", volume),
        "iso: empty": ("iso", b""),
        "iso: raw bytes": ("iso", bytes(MIB)),
        "iso: qcow2": ("iso", Qcow2().content()),
        "iso: and qcow2": ("iso", patched(volume, {0: Qcow2().content()[:112]})),
        "iso: and vmdk": ("iso", patched(volume, {0: b"KDMV"})),
        "iso: and luks": ("iso", patched(volume, {0: b"LUKS\xba\xbe\0\x01"})),
        "iso: and vdi": ("iso", patched(volume, {0x40: b"\x7f\x10\xda\xbe"})),
        "iso: and vhd": ("iso", volume + SECTOR * 3 + b"conectix".ljust(512, b"\0")),
        "iso: and gzip": ("iso", patched(volume, {0: b"\x1f\x8b\x08"})),
        "iso: truncated": ("iso", volume[: len(volume) - 4096]),
        "iso: truncated in its descriptor": ("iso", volume[: 0x8000 + 512]),
        "iso: signature alone": ("iso", (bytes(0x8001) + b"CD001").ljust(40960, b"\0")),
        "iso: no blocks": ("iso", patched(volume, {0x8000 + 80: bytes(8)})),
        "iso: endless": ("iso", patched(volume, {0x8000 + 80: b"\xff" * 8})),
        "iso: odd blocks": ("iso", patched(volume, {0x8000 + 128: struct.pack("<H", 512)})),
        "iso: part of a sector": ("iso", volume + b"\0"),
        "vmdk": ("vmdk", b"KDMV".ljust(1024, b"\0")),
    }
    return found


def good(folder: Path) -> Iterator[tuple[str, Path]]:
    """Declared format and file; made in the folder."""

    def make(name: str, *words: str, size: str = "64M") -> Path:
        path = folder / name
        subprocess.run(["qemu-img", "create", "-q", *words, str(path), size], check=True, capture_output=True)  # noqa: S607
        return path

    def convert(name: str, source: Path, *words: str) -> Path:
        argv = ["qemu-img", "convert", "-f", "raw", "-O", "qcow2", *words, str(source), str(folder / name)]
        subprocess.run(argv, check=True, capture_output=True)
        return folder / name

    def written(name: str, content: bytes) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    options = {
        "v2": "compat=0.10",
        "v3": "compat=1.1",
        "small": "cluster_size=512",
        "4k": "cluster_size=4k",
        "large": "cluster_size=2M",
        "extended": "extended_l2=on",
        "metadata": "preallocation=metadata",
        "falloc": "preallocation=falloc,cluster_size=1M",
        "lazy": "lazy_refcounts=on",
        "refcounts": "refcount_bits=1",
        "wide": "refcount_bits=64",
        "zstd": "compression_type=zstd",
    }
    for name, option in options.items():
        yield "qcow2", make(f"{name}.qcow2", "-f", "qcow2", "-o", option, size="8M" if name == "falloc" else "64M")
    yield "qcow2", make("huge.qcow2", "-f", "qcow2", size="8T")
    noise = written("noise", os.urandom(3 * MIB) + bytes(MIB) + os.urandom(512))
    for number, words in enumerate(
        ((), ("-c",), ("-c", "-o", "compression_type=zstd"), ("-o", "cluster_size=4k"), ("-o", "extended_l2=on"))
    ):
        yield "qcow2", convert(f"converted{number}.qcow2", noise, *words)
    written_twice = convert("rewritten.qcow2", noise)
    writes = ["-c", "write -z 0 1M", "-c", "write 8k 64k"]
    subprocess.run(["qemu-io", "-f", "qcow2", *writes, str(written_twice)], check=True, capture_output=True)  # noqa: S607
    yield "qcow2", written_twice
    bitmapped = make("bitmap.qcow2", "-f", "qcow2")
    subprocess.run(["qemu-img", "bitmap", "--add", str(bitmapped), "b0"], check=True)  # noqa: S607
    yield "qcow2", bitmapped
    yield "raw", make("plain.raw", "-f", "raw", size="1M")
    yield "raw", noise
    mbr = patched(bytes(MIB), {446: b"\x80\x00\x02\x00\x83\x00\x10\x00\x01\x00\x00\x00\xff\x07\x00\x00", 510: b"\x55\xaa"})
    yield "raw", written("mbr.raw", mbr)
    yield "raw", written("gpt.raw", patched(mbr, {512: b"EFI PART\0\0\1\0", 450: b"\xee"}))
    yield "raw", written("ext4.raw", patched(bytes(MIB), {1080: b"\x53\xef"}))
    yield "iso", written("small.iso", iso())
    yield "iso", written("large.iso", iso(os.urandom(MIB)))
    yield "iso", written("hybrid.iso", patched(iso(), {446: mbr[446:512], 512: b"EFI PART"}))
    yield "iso", written("padded.iso", iso() + bytes(150 * 2048))
