"""Checksums of image files, kept from one command to the next: a big file is read once. Only a cache: without it everything still works."""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
import time
from collections.abc import Iterator, MutableMapping
from pathlib import Path

from orchestrator.files import image

FILE = "digests.json"
LIMIT = 16 << 20  # bytes
SETTLED = 2.0
"""Seconds that a file must have been left alone before it was read: written once more within one tick of its clock, it would look the same."""
DIGEST = re.compile(r"[0-9a-f]{64}|[0-9a-f]{128}")


@contextlib.contextmanager
def kept(folder: Path | None) -> Iterator[MutableMapping[str, str]]:
    """The digests known so far (see image.inspect); those of files that are still the same are kept in `folder` afterwards.

    A cache that is damaged, somebody else's, or cannot be written is none, silently.
    """
    began = time.time()
    before = _read(folder / FILE) if folder else {}
    known = dict(before)
    try:
        yield known
    finally:
        left = {key: digest for key, digest in known.items() if _settled(key, began)}
        if folder and left != before:
            _write(folder / FILE, left)


def _read(path: Path) -> dict[str, str]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as stream:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
                return {}  # who may write it decides what an image counts as
            found = json.loads(stream.read(LIMIT))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {key: digest for key, digest in found.items() if isinstance(digest, str) and DIGEST.fullmatch(digest)}


def _settled(key: str, began: float) -> bool:
    """Whether the key's file is there, is that very one, and was left alone for a while before this command."""
    try:
        path = image.path_of(key)
        status = path.stat()
    except (OSError, ValueError):
        return False
    return key.endswith(image.identity(path, status)) and max(status.st_ctime, status.st_mtime) < began - SETTLED


def _write(path: Path, digests: MutableMapping[str, str]) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with contextlib.suppress(OSError, ValueError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600), "w") as stream:
                json.dump(digests, stream, indent=1)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
