"""Image files on this machine: opened once, the header read by our own parser, the checksum worked out once."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from orchestrator.drivers.images import formats, qcow2, raw
from orchestrator.model import errors

CHUNK = 1 << 20
CHECKSUM = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):.*", re.DOTALL)
VIRTUAL_SIZES: dict[str, Callable[[formats.Read, int], int]] = {"qcow2": qcow2.virtual_size, "raw": raw.virtual_size}


class WrongChecksum(errors.SpecError):
    """The file's content is not what the playbook's checksum says."""


@dataclass(frozen=True, slots=True)
class Inspected:
    """A file found good: sha256 (hex), sizes in bytes."""

    digest: str
    size: int
    virtual_size: int


def path(source: str, folder: Path) -> Path:
    """Absolute path of an image `source` of a playbook in `folder`; SpecError for anything that is not a path."""
    scheme = SCHEME.fullmatch(source)
    if scheme and scheme.group(1).lower() in ("http", "https"):
        raise errors.SpecError("image downloads are not supported yet", hint="download it and give its path")
    if scheme:
        raise errors.SpecError(
            f"'{scheme.group(1)}:' is not an image source",
            hint="give a path on this machine; './' before a name with a colon",
        )
    try:
        return Path(os.path.abspath(folder / Path(source).expanduser()))  # noqa: PTH100 - normalises `..` without following links
    except RuntimeError as error:
        raise errors.SpecError(
            f"home folder in '{source}' is not known", why=str(error), hint="give an absolute path"
        ) from None


def inspect(file: Path, disk_format: str, checksum: str | None, digests: MutableMapping[str, str]) -> Inspected:
    """What is in `file`, a `disk_format` image.

    `digests` remembers checksums by path, size, time and inode, so that a big file is read once.
    SpecError without a place: missing, not a regular file, empty, not of the format, refused for what its header says;
    WrongChecksum.
    """
    descriptor = _open(file)
    with os.fdopen(descriptor, "rb", buffering=0) as stream:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise errors.SpecError(f"'{file}' is not a regular file")
        if before.st_size == 0:
            raise errors.SpecError(f"'{file}' is empty", hint="copy it again")
        try:
            virtual = VIRTUAL_SIZES[disk_format](
                lambda offset, length: os.pread(descriptor, length, offset), before.st_size
            )
        except errors.SpecError as error:
            raise errors.SpecError(f"'{file}'", why=f"{error.what}: {error.why}", hint=error.hint) from None
        key = f"{file}:{before.st_size}:{before.st_mtime_ns}:{before.st_ino}"
        wanted = ("sha256", *(["sha512"] if (checksum or "").startswith("sha512:") else []))
        if any(f"{algorithm}:{key}" not in digests for algorithm in wanted):
            found = _digest(stream, wanted)
            if _changed(before, os.fstat(descriptor)):
                raise errors.SpecError(
                    f"'{file}' changed while it was read", hint="try again when nothing writes to it"
                )
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


def _open(file: Path) -> int:
    try:
        return os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        hint = "check the path" if isinstance(error, FileNotFoundError) else ""
        raise errors.SpecError(f"cannot read '{file}'", why=error.strerror or str(error), hint=hint) from None
    except ValueError as error:
        raise errors.SpecError(f"cannot read {str(file)!r}", why=str(error)) from None


def _digest(stream: FileIO, algorithms: tuple[str, ...]) -> dict[str, str]:
    sums = {algorithm: hashlib.new(algorithm) for algorithm in algorithms}
    while chunk := stream.read(CHUNK):
        for each in sums.values():
            each.update(chunk)
    return {algorithm: each.hexdigest() for algorithm, each in sums.items()}


def _changed(before: os.stat_result, after: os.stat_result) -> bool:
    return (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns)
