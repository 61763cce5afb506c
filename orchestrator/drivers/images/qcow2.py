"""The qcow2 header, read by ourselves before QEMU sees the file (QEMU docs/interop/qcow2.rst).

Refused: whatever makes QEMU open another file, read more than the file holds, or take paths that an image from
elsewhere has no need of (CVE-2024-32498, CVE-2015-1850, CVE-2015-5162). As oslo's format_inspector, but by what is
allowed, not by what is known to be bad.
"""

from __future__ import annotations

import array
import struct
import sys
from collections.abc import Iterator

from msgspec import Struct

from orchestrator.drivers.images import formats
from orchestrator.model import errors

V2 = struct.Struct(">4sIQIIQIIQQIIQ")
V3 = struct.Struct(">QQQII")
MAX_VIRTUAL = 64 << 40  # bytes: beyond any flavor, far below what the format could claim
HEAD = 1 << 16  # bytes in which the header and its extensions end; QEMU's take less than 1,000
MAX_L1 = 32 << 20  # bytes (QCOW_MAX_L1_SIZE)
MAX_REFCOUNT = 8 << 20  # bytes (QCOW_MAX_REFTABLE_SIZE)
COMPRESSION_TYPE, EXTENDED_L2 = 1 << 3, 1 << 4
REFUSED_BITS = {1: "was not closed properly (dirty)", 2: "is marked corrupt", 4: "keeps its data in another file"}
REFUSED_EXTENSIONS = {0xE2792ACA: "names a backing format", 0x44415441: "names a data file", 0x0537BE77: "is encrypted"}
OFFSET_MASK, COMPRESSED = 0x00FFFFFFFFFFFE00, 1 << 62


class Header(Struct, frozen=True):
    """What is needed of the header. Sizes and offsets in bytes."""

    cluster_bits: int
    virtual_size: int
    l1_entries: int
    l1_offset: int
    extended: bool

    @property
    def cluster(self) -> int:
        """Bytes of a cluster."""
        return 1 << self.cluster_bits

    @property
    def l2_entry(self) -> int:
        """Bytes of an entry of an L2 table."""
        return 16 if self.extended else 8


def virtual_size(read: formats.Read, size: int) -> int:
    """Bytes of the disk inside. SpecError (without a place) unless it is a whole, plain, self-contained qcow2 image."""
    found = formats.recognise(read, size)
    if found != ("qcow2",):
        why = f"it has the signature of {' and '.join(found)}" if found else "it has no qcow2 signature"
        raise errors.SpecError("the file is not a qcow2 image", why=why, hint="" if found else "is it raw? then say disk_format: raw")
    header = _header(read, size)
    _check_tables(read, size, header)
    return header.virtual_size


def _refuse(why: str, hint: str = "") -> errors.SpecError:
    return errors.SpecError("the qcow2 image is refused", why=why, hint=hint)


def _truncated(part: str) -> errors.SpecError:
    return _refuse(f"{part} lies beyond the end of the file", "the file is truncated or damaged: copy it again")


def _header(read: formats.Read, size: int) -> Header:
    raw = read(0, V2.size)
    if len(raw) < V2.size:
        raise _truncated("the header")
    _, version, backing, backing_length, bits, virtual, crypt, l1_entries, l1, table, table_clusters, snapshots, _ = V2.unpack(raw)
    if version not in (2, 3):
        raise _refuse(f"version {version} is not 2 or 3")
    if not 9 <= bits <= 21:
        raise _refuse(f"a cluster size of 2^{bits} is impossible" if bits < 64 else "its cluster size is impossible")
    if backing or backing_length:
        raise _refuse("it has a backing file", "flatten it: qemu-img convert -O qcow2 ...")
    if crypt:
        raise _refuse("it is encrypted")
    if snapshots:
        raise _refuse("it has internal snapshots", "flatten it: qemu-img convert -O qcow2 ...")
    if not 0 < virtual <= MAX_VIRTUAL:
        raise _refuse(f"its virtual size is {virtual} bytes", "between 1 byte and 64 TiB is accepted")
    end = min(1 << bits, HEAD)
    features, length = _version_3(read, end) if version == 3 else (0, V2.size)
    _check_extensions(read, length, end)
    _check_range("the refcount table", table, table_clusters << bits, MAX_REFCOUNT, (bits, size))
    _check_range("the L1 table", l1, l1_entries * 8, MAX_L1, (bits, size))
    return Header(bits, virtual, l1_entries, l1, bool(features & EXTENDED_L2))


def _version_3(read: formats.Read, end: int) -> tuple[int, int]:
    """Incompatible features and header length."""
    raw = read(V2.size, V3.size)
    if len(raw) < V3.size:
        raise _truncated("the header")
    features, _, _, refcount_order, length = V3.unpack(raw)
    for bit, what in REFUSED_BITS.items():
        if features & bit:
            raise _refuse(
                f"it {what}",
                "qemu-img check -r all mends it" if bit < 4 else "flatten it: qemu-img convert -O qcow2 ...",
            )
    if features & ~(COMPRESSION_TYPE | EXTENDED_L2):
        raise _refuse(f"it has unknown incompatible features ({features:#x})")
    compression = (read(V2.size + V3.size, 1) or b"\0")[0] if length > V2.size + V3.size else 0
    if compression != bool(features & COMPRESSION_TYPE):
        raise _refuse(f"compression type {compression} is not known here")
    if refcount_order > 6:
        raise _refuse(
            f"a refcount width of 2^{refcount_order} bits is impossible" if refcount_order < 64 else "its refcount width is impossible"
        )
    if length < V2.size + V3.size or length % 8 or length > end:
        raise _refuse(f"its header claims a length of {length} bytes")
    return features, length


def _check_extensions(read: formats.Read, offset: int, end: int) -> None:
    area = read(0, end)
    while offset + 8 <= end:
        if offset + 8 > len(area):
            raise _truncated("the header")
        kind, length = struct.unpack_from(">II", area, offset)
        if kind == 0:
            return
        if kind in REFUSED_EXTENSIONS:
            raise _refuse(f"it {REFUSED_EXTENSIONS[kind]}", "flatten it: qemu-img convert -O qcow2 ...")
        offset += 8 + (length + 7 & ~7)
    if offset > end:
        raise _refuse("a header extension claims more than there is room for")


def _check_range(part: str, offset: int, length: int, most: int, file: tuple[int, int]) -> None:
    cluster_bits, size = file
    if not 0 < length <= most:
        raise _refuse(f"{part} claims {length} bytes")
    if offset == 0 or offset % (1 << cluster_bits):
        raise _refuse(f"{part} claims the offset {offset}")
    if offset + length > size:
        raise _truncated(part)


def _words(data: bytes) -> array.array[int]:
    words = array.array("Q", data)
    if sys.byteorder == "little":
        words.byteswap()
    return words


def _check_tables(read: formats.Read, size: int, header: Header) -> None:
    """Every cluster that is referred to begins inside the file, and no more are than it holds.

    A truncated image has a perfect header, passes `qemu-img check` and even boots. One that shares its clusters unfolds to any size.
    """
    covered = header.cluster * (header.cluster // header.l2_entry)
    if header.l1_entries * covered < header.virtual_size:
        raise _refuse("the L1 table is too short for its virtual size")
    tables = {entry & OFFSET_MASK for entry in _words(read(header.l1_offset, header.l1_entries * 8))} - {0}
    if len(tables) * header.cluster > size:
        raise _truncated("an L2 table")
    plain = 0
    for table in sorted(tables):
        if table % header.cluster:
            raise _refuse(f"an L2 table claims the offset {table}")
        if table + header.cluster > size:
            raise _truncated("an L2 table")
        entries = _words(read(table, header.cluster))[:: header.l2_entry // 8]
        if any(offset >= size for offset in _offsets(entries, header)):
            raise _truncated("a data cluster")
        plain += sum(1 for entry in entries if entry & OFFSET_MASK and not entry & COMPRESSED)
    if plain * header.cluster > size:
        raise _refuse("it uses clusters more than once", "it would unfold to more than it holds")


def _offsets(entries: array.array[int], header: Header) -> Iterator[int]:
    """Where the clusters that an L2 table's entries name begin in the file."""
    compressed_mask = (1 << (62 - (header.cluster_bits - 8))) - 1
    for entry in set(entries) - {0}:
        yield entry & (compressed_mask if entry & COMPRESSED else OFFSET_MASK)
