"""ISO 9660 images (ECMA-119): bytes of a disk like a raw image's, that begin with a volume which lies whole in the file.

Used as a root disk like any other image, so it has to boot from a disk, as hybrid images do.
"""

from __future__ import annotations

import struct

from orchestrator.drivers.images import formats
from orchestrator.model import errors

DESCRIPTOR = 0x8000
BLOCK = 2048  # bytes


def virtual_size(read: formats.Read, size: int) -> int:
    """Bytes of the disk. SpecError (without a place) when the file is not an ISO 9660 image, is something else as well, or is not whole."""
    found = formats.recognise(read, size)
    if found != ("iso",):
        why = f"it has the signature of {' and '.join(found)}" if found else "it has no iso signature"
        raise errors.SpecError("the file is not an iso image", why=why)
    descriptor = read(DESCRIPTOR, BLOCK)
    if descriptor[0] != 1 or descriptor[6] != 1:
        raise _refuse("its volume descriptor is of no kind known here")
    if len(descriptor) < BLOCK:
        raise _refuse("its volume descriptor lies beyond the end of the file", "copy it again")
    (blocks,), (unit,) = struct.unpack_from("<I", descriptor, 80), struct.unpack_from("<H", descriptor, 128)
    if unit != BLOCK:
        raise _refuse(f"its blocks have {unit} bytes")
    if blocks == 0 or blocks * unit > size:
        raise _refuse("a part of its volume lies beyond the end of the file", "copy it again")
    if size % formats.SECTOR:
        raise _refuse(f"{size} bytes are not a multiple of {formats.SECTOR}", "copy it again")
    return size


def _refuse(why: str, hint: str = "") -> errors.SpecError:
    return errors.SpecError("the iso image is refused", why=why, hint=hint)
