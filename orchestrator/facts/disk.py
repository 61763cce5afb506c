"""A disk file, read from its own first KiB: format, virtual size, backing file. No tool that could follow a backing file is asked."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from msgspec import Struct

from orchestrator.commands import packed
from orchestrator.commands.command import Command, Record
from orchestrator.facts.seen import Seen
from orchestrator.model import errors

HEAD = 1024  # bytes; qemu-img writes the backing file's name at 0x210

NONE = b"none"
"""The answer where none of the files is there."""
# One fixed script, paths as its arguments: a header is nearly all zeros, so what crosses the wire is small.
SCRIPT = (
    'for f; do shift; [ ! -e "$f" ] || set -- "$@" "$f"; done; '
    f'if [ "$#" = 0 ]; then echo {NONE.decode()}; else head -v -c {HEAD} -- "$@" 2>/dev/null | {packed.PACK}; fi'
)


class Key(Struct, frozen=True):
    """A path."""

    path: str

    def __str__(self) -> str:
        return self.path


class Disk(Seen, frozen=True, eq=False):
    """`format` is qcow2 or raw; `size` the virtual size in bytes (0 for raw: a header cannot tell).

    `least`: bytes that the file has at its least, up to where its header says that its tables end (docs/interop/qcow2.txt of QEMU).
    """

    ASIDE = frozenset({"least"})

    format: str
    size: int
    backing: str | None
    least: int = 0


def commands(keys: Sequence[Key]) -> tuple[Command, ...]:
    return (Command(("sh", "-c", SCRIPT, "disk-headers", *(key.path for key in keys))),)


def parse(keys: Sequence[Key], records: Sequence[Record]) -> dict[Key, Disk | None]:
    heads = _split([key.path for key in keys], _unpack(records[0]))
    return {key: _header(heads[key.path]) if key.path in heads else None for key in keys}


def _unpack(record: Record) -> bytes:
    if record.output.strip() == NONE:
        return b""
    try:
        return packed.unpack(record.output)
    except ValueError as error:
        raise errors.HostError("disk headers could not be read", why=record.error or str(error)) from error


def _split(paths: Sequence[str], data: bytes) -> dict[str, bytes]:
    """Parts of `head -v`'s output. Missing files leave no part; a part's length is known from where the next known banner stands."""
    starts: list[tuple[int, int, str]] = []
    position = 0
    for path in paths:
        banner = f"==> {path} <==\n".encode()
        lead = b"" if not starts else b"\n"
        at = data.find(lead + banner, position) if starts else (0 if data.startswith(banner) else -1)
        if at < 0:
            continue
        begin = at + len(lead) + len(banner)
        starts.append((at, begin, path))
        position = begin
    ends = [*(at for at, _, _ in starts[1:]), len(data)][: len(starts)]
    return {path: data[begin:end] for (_, begin, path), end in zip(starts, ends, strict=True)}


def _header(head: bytes) -> Disk:
    if head[:4] != b"QFI\xfb" or len(head) < 32:
        return Disk("raw", 0, None)
    _version, offset, length, bits, size = struct.unpack(">IQIIQ", head[4:32])
    name = head[offset : offset + length].decode("utf-8", "replace") if offset else None
    return Disk("qcow2", size, name, _least(head, bits))


def _least(head: bytes, bits: int) -> int:
    if len(head) < 60 or bits > 30:
        return 0
    entries, l1, refcounts, clusters = struct.unpack(">IQQI", head[36:60])
    return int(max(l1 + 8 * entries, refcounts + (clusters << bits)))
