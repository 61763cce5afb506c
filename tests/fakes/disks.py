"""Disk files: qemu-img, mkfs.ext4, mkswap. The qcow2 headers are real ones, so the real parser reads them."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Callable

from tests.fakes import coreutils
from tests.fakes.state import File, Result, State, UnknownError, failed

MAGIC = b"QFI\xfb"


def overlay(base: str, size: int) -> bytes:
    """What `qemu-img create -F raw -b` of QEMU 7.2 writes into the first KiB: version 3, the name at 0x210."""
    name = base.encode()
    head = MAGIC + struct.pack(">IQIIQ", 3, 0x210, len(name), 16, size)
    head += struct.pack(">IIQQIIQQQQII", 0, 1, 0x30000, 0x10000, 1, 0, 0, 0, 0, 0, 4, 0x70) + bytes(8)
    head += struct.pack(">II", 0xE2792ACA, 3) + b"raw" + bytes(5)
    return head.ljust(0x210, b"\0") + name.ljust(0x400 - 0x210, b"\0")


def virtual_size(file: File) -> int:
    """Bytes of the disk inside a qcow2 file."""
    return int(struct.unpack(">Q", file.content[24:32])[0])


def backing(file: File) -> str | None:
    """The backing file that a qcow2 header names."""
    if not file.content.startswith(MAGIC):
        return None
    offset, length = struct.unpack(">QI", file.content[8:20])
    return file.content[offset : offset + length].decode() if offset else None


def chain(state: State, path: str) -> list[str]:
    """A disk file and what lies under it."""
    file = state.file(path)
    under = backing(file) if file else None
    return [path, *(chain(state, under) if under else [])]


def written_by(state: State) -> dict[str, str]:
    """Disk files that a running domain has locked for writing, and by whom."""
    running = {path: domain.name for domain in state.domains.values() if domain.active for path in domain.locks}
    return running | {path: each.uuid for each in state.strays.values() for path in each.locks}


def qemu_img(state: State, argv: tuple[str, ...], stdin: bytes) -> Result:
    match argv[1:]:
        case ("create", "-q", "-f", "qcow2", "-F", "raw", "-b", base, path, size):
            return _create(state, base, path, int(size))
        case ("convert", "-f", form, "-O", "raw", source, dest):
            return _convert(state, form, source, dest)
        case ("resize", "-q", "-f", "qcow2", path, size):
            return _resize(state, path, int(size))
        case _:
            raise UnknownError


def _unwritable(state: State, path: str) -> str | None:
    if path in written_by(state):
        return f'{path}: Failed to get "write" lock\nIs another process using the image [{path}]?'
    why = coreutils.parent(state, path)
    return f"{path}: Could not create '{path}': {why}" if why else None


def _create(state: State, base: str, path: str, size: int) -> Result:
    if not state.file(base):
        return failed(f"qemu-img: {path}: Could not open '{base}': {coreutils.MISSING}\nCould not open backing image.")
    why = _unwritable(state, path)
    if why:
        return failed(f"qemu-img: {why}")
    state.files[path] = File(overlay(base, size), 196616)
    return Result()


def create_disks(state: State, operands: tuple[str, ...]) -> Result:
    """Each beside its place, nobody else's to read; then all put there."""
    made = [operands[at : at + 3] for at in range(0, len(operands), 3)]
    for base, path, size in made:
        done = _create(state, base, f"{path}.part", int(size))
        if done.code:
            return Result(1, done.out, done.err)
    for _, path, _ in made:
        state.files[path] = state.files.pop(f"{path}.part")
        state.files[path].mode = 0o600
    return Result()


def _resize(state: State, path: str, size: int) -> Result:
    file = state.file(path)
    if not file:
        return failed(f"qemu-img: Could not open '{path}': Could not open '{path}': {coreutils.MISSING}")
    if path in written_by(state):
        return failed(f"qemu-img: Could not open '{path}': {_unwritable(state, path)}".replace(f"{path}: Failed", "Failed"))
    grow(file, size)
    return Result()


def grow(file: File, size: int) -> None:
    """The virtual size in the header of a qcow2 file."""
    file.content = file.content[:24] + struct.pack(">Q", size) + file.content[32:]


def _convert(state: State, form: str, source: str, dest: str) -> Result:
    file = state.file(source)
    if not file:
        return failed(f"qemu-img: Could not open '{source}': Could not open '{source}': {coreutils.MISSING}")
    if form == "qcow2" and not file.content.startswith(MAGIC):
        return failed(f"qemu-img: Could not open '{source}': Image is not in qcow2 format")
    why = _unwritable(state, dest)
    if why:
        return failed(f"qemu-img: {why}")
    inside = b"disk of " + hashlib.sha256(file.content).hexdigest().encode()  # stands for what the clusters hold
    there = state.file(dest)
    mode = there.mode if there else 0o644  # written into the file that is there
    state.files[dest] = File(inside, virtual_size(file), mode) if form == "qcow2" else File(file.content, file.size, mode)
    return Result()


def _format(state: State, argv: tuple[str, ...], at: int, magic: bytes) -> Result:
    """A file system's or swap area's id, another one each time unless it is given with -U, and its magic at its place."""
    missing = "mkswap: cannot open {}: No such file or directory"
    if argv[0] == "mkfs.ext4":
        missing = "The file {} does not exist and no size was specified."
    file = state.file(argv[-1])
    if not file:
        return failed(missing.format(argv[-1]))
    identity = argv[argv.index("-U") + 1] if "-U" in argv else str(len(state.journal))
    file.content = identity.encode() + bytes(at - len(identity)) + magic
    return Result()


def mkfs_ext4(state: State, argv: tuple[str, ...], stdin: bytes) -> Result:
    if argv[1:5] != ("-q", "-F", "-L", "ephemeral0") or argv[-2] != "--":
        raise UnknownError
    return _format(state, argv, 0x438, b"\x53\xef")


def mkswap(state: State, argv: tuple[str, ...], stdin: bytes) -> Result:
    if argv[1] != "-U" or argv[-2] != "--":
        raise UnknownError
    done = _format(state, argv, 4086, b"SWAPSPACE2")
    return (
        done if done.code else Result(0, b"Setting up swapspace version 1\n", f"mkswap: {argv[-1]}: insecure permissions 0644\n".encode())
    )


def env(state: State, argv: tuple[str, ...], stdin: bytes) -> Result:
    """The fake time of e2fsprogs means nothing here."""
    if argv[1] != "E2FSPROGS_FAKE_TIME=1" or argv[2] not in PROGRAMS:
        raise UnknownError
    return PROGRAMS[argv[2]](state, argv[2:], stdin)


def headers(state: State, paths: tuple[str, ...], size: int) -> bytes:
    """`head -v -c SIZE -- PATH... 2>/dev/null | gzip -1`."""
    found = ((path, state.file(path)) for path in paths)
    parts = (f"==> {path} <==\n".encode() + file.head(size) for path, file in found if file)
    deflate = zlib.compressobj(1, zlib.DEFLATED, 31)
    return deflate.compress(b"\n".join(parts)) + deflate.flush()


def prlimit(state: State, argv: tuple[str, ...], stdin: bytes) -> Result:
    """Limits are not modelled; the command after `--` runs."""
    at = argv.index("--")
    if any(not word.startswith(("--cpu=", "--as=")) for word in argv[1:at]):
        raise UnknownError
    inner = argv[at + 1 :]
    if inner[0] not in PROGRAMS:
        raise UnknownError
    return PROGRAMS[inner[0]](state, inner, stdin)


PROGRAMS: dict[str, Callable[[State, tuple[str, ...], bytes], Result]] = {
    "qemu-img": qemu_img,
    "mkfs.ext4": mkfs_ext4,
    "mkswap": mkswap,
    "prlimit": prlimit,
    "env": env,
}
