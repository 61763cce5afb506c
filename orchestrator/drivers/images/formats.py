"""What a file's own bytes say it is.

QEMU would believe them, so a format is never taken on trust (CVE-2015-5163, CVE-2022-47951).
"""

from __future__ import annotations

from collections.abc import Callable

Read = Callable[[int, int], bytes]
"""Bytes of a file: offset, length; fewer at its end."""

SECTOR = 512

SIGNATURES: tuple[tuple[str, int, bytes], ...] = (
    ("qcow2", 0, b"QFI\xfb"),
    ("qed", 0, b"QED\x00"),
    ("vmdk", 0, b"KDMV"),
    ("vmdk", 0, b"COWD"),
    ("vmdk", 0, b"# Disk DescriptorFile"),
    ("vdi", 0x40, b"\x7f\x10\xda\xbe"),
    ("vhdx", 0, b"vhdxfile"),
    ("vhd", 0, b"conectix"),
    ("luks", 0, b"LUKS\xba\xbe"),
    ("parallels", 0, b"WithoutFreeSpace"),
    ("parallels", 0, b"WithouFreSpacExt"),
    ("bochs", 0, b"Bochs Virtual HD Image"),
    ("cloop", 0, b"#!/bin/sh\n#V2.0 Format\nmodprobe cloop"),
    ("iso", 0x8001, b"CD001"),
    ("gzip", 0, b"\x1f\x8b"),
    ("xz", 0, b"\xfd7zXZ\x00"),
    ("bzip2", 0, b"BZh"),
    ("zstd", 0, b"\x28\xb5\x2f\xfd"),
    ("zip", 0, b"PK\x03\x04"),
    ("tar", 257, b"ustar"),
)
TRAILERS: tuple[tuple[str, bytes], ...] = (("vhd", b"conectix"), ("dmg", b"koly"))


def recognise(read: Read, size: int) -> tuple[str, ...]:
    """Names of all formats whose signature the file bears, sorted; more than one when it was made to deceive."""
    found = {name for name, offset, magic in SIGNATURES if read(offset, len(magic)) == magic}
    if size >= SECTOR:
        found |= {name for name, magic in TRAILERS if read(size - SECTOR, len(magic)) == magic}
    return tuple(sorted(found))
