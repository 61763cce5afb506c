"""Image files on this machine: opened once, the header read by our own parser, the checksum worked out once."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterator, MutableMapping
from pathlib import Path

from msgspec import Struct

from orchestrator.drivers.images import formats, iso, qcow2, raw, sources
from orchestrator.model import errors

CHUNK = 1 << 20
CHECKSUM = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):.*", re.DOTALL)
VIRTUAL_SIZES: dict[str, Callable[[formats.Read, int], int]] = {
    "qcow2": qcow2.virtual_size,
    "raw": raw.virtual_size,
    "iso": iso.virtual_size,
}


class WrongChecksum(errors.SpecError):
    """The file's content is not what the playbook's checksum says."""


class Inspected(Struct, frozen=True):
    """A file found good: sha256 (hex), sizes in bytes."""

    digest: str
    size: int
    virtual_size: int


class NoChecksum(errors.SpecError):
    """Nothing says what an image from elsewhere has to be."""


def remote(source: str) -> bool:
    """Whether an image's `source` is an address that hosts fetch it from. SpecError, without a place, when it is neither that nor a path."""
    scheme = SCHEME.fullmatch(source)
    if scheme and scheme.group(1).lower() in ("http", "https"):
        sources.check_url(source)
        return True
    if scheme:
        raise errors.SpecError(
            f"'{scheme.group(1)}:' is not an image source",
            hint="give an http:// or https:// address, or a path on this machine; './' before a name with a colon",
        )
    return False


def pinned(source: str, checksum: str | None) -> tuple[str, str]:
    """Algorithm and digest that a remote image is held to. NoChecksum without one: each host fetches by itself, and all must get the same."""
    if checksum is None:
        raise NoChecksum(
            f"'{source}' needs a checksum", why="every host fetches it by itself", hint="add checksum: sha256:... or sha512:..."
        )
    algorithm, _, digest = checksum.partition(":")
    return algorithm, digest


def inspect(file: Path, disk_format: str, checksum: str | None, digests: MutableMapping[str, str]) -> Inspected:
    """What is in `file`, a `disk_format` image.

    `digests` remembers checksums by algorithm and `identity`, so that a big file is read once.
    SpecError without a place: missing, not a regular file, empty, not of the format, refused for what its header says;
    WrongChecksum.
    """
    with _opened(file) as descriptor:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise errors.SpecError(f"'{file}' is not a regular file")
        if before.st_size == 0:
            raise errors.SpecError(f"'{file}' is empty", hint="copy it again")
        try:
            virtual = VIRTUAL_SIZES[disk_format](lambda offset, length: os.pread(descriptor, length, offset), before.st_size)
        except errors.SpecError as error:
            raise errors.SpecError(f"'{file}'", why=f"{error.what}: {error.why}", hint=error.hint) from None
        key = identity(file, before)
        wanted = ("sha256", *(["sha512"] if (checksum or "").startswith("sha512:") else []))
        if any(f"{algorithm}:{key}" not in digests for algorithm in wanted):
            found = _digest(descriptor, wanted)
            if _changed(before, os.fstat(descriptor)):
                raise errors.SpecError(f"'{file}' changed while it was read", hint="try again when nothing writes to it")
            digests.update({f"{algorithm}:{key}": value for algorithm, value in found.items()})
    if checksum is not None:
        algorithm, _, expected = checksum.partition(":")
        actual = digests[f"{algorithm}:{key}"]
        if actual != expected:
            raise WrongChecksum(
                f"checksum of '{file}'",
                why=f"the file's is {algorithm}:{actual}",
                hint="fetch the file again, or correct the checksum",
            )
    return Inspected(digests[f"sha256:{key}"], before.st_size, virtual)


def identity(file: Path, status: os.stat_result) -> str:
    """What tells a file and its content from any other without reading it: path, size, times (the kernel's own as well), inode, device."""
    return ":".join(str(word) for word in (os.path.abspath(file), *_times(status), status.st_ino, status.st_dev))  # noqa: PTH100 - follows no link


def path_of(key: str) -> Path:
    """The path in a key of `digests`."""
    return Path(key.partition(":")[2].rsplit(":", 5)[0])


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[int]:
    """A descriptor, which unlike a Python file may be a directory's or a device's, to be looked at first."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        hint = "check the path" if isinstance(error, FileNotFoundError) else ""
        raise errors.SpecError(f"cannot read '{file}'", why=error.strerror or str(error), hint=hint) from None
    except ValueError as error:
        raise errors.SpecError(f"cannot read {str(file)!r}", why=str(error)) from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _digest(descriptor: int, algorithms: tuple[str, ...]) -> dict[str, str]:
    sums = {algorithm: hashlib.new(algorithm) for algorithm in algorithms}
    while chunk := os.read(descriptor, CHUNK):
        for each in sums.values():
            each.update(chunk)
    return {algorithm: each.hexdigest() for algorithm, each in sums.items()}


def _times(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _changed(before: os.stat_result, after: os.stat_result) -> bool:
    return _times(before) != _times(after)
