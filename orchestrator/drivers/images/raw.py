"""Raw images: the disk's bytes themselves, and therefore nothing that QEMU could take for another format."""

from __future__ import annotations

from orchestrator.drivers.images import formats
from orchestrator.model import errors

QEMU_NAMES = {"vmdk": "vmdk", "vdi": "vdi", "vhdx": "vhdx", "vhd": "vpc", "qed": "qed", "parallels": "parallels"}
PACKED = frozenset({"gzip", "xz", "bzip2", "zstd", "zip", "tar"})


def virtual_size(read: formats.Read, size: int) -> int:
    """Bytes of the disk. SpecError (without a place) when the file is something else, or not made of whole sectors."""
    found = formats.recognise(read, size)
    if found:
        why = f"it has the signature of {' and '.join(found)}"
        raise errors.SpecError("the file is not a raw image", why=why, hint=_hint(found))
    if size % formats.SECTOR:
        why = f"{size} bytes are not a multiple of {formats.SECTOR}"
        raise errors.SpecError("the file is not a whole raw image", why=why, hint="copy it again")
    return size


def _hint(found: tuple[str, ...]) -> str:
    if found == ("qcow2",):
        return "say disk_format: qcow2"
    if PACKED.intersection(found):
        return "unpack it first"
    names = [QEMU_NAMES[name] for name in found if name in QEMU_NAMES]
    return f"convert it: qemu-img convert -f {names[0]} -O qcow2 ..." if names else ""
