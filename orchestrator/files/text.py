"""Reading a text file that somebody else named: regular, bounded, UTF-8."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from orchestrator.model.errors import SpecError

LIMIT = 1 << 20  # bytes


def read(path: Path) -> str:
    """The text of the file at `path`. Raises SpecError when it is missing, not a regular file, over 1 MiB, not UTF-8.

    It is opened without blocking and checked by its descriptor: a FIFO or a device is refused, never waited for.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        raise SpecError("cannot read the file", str(path), error.strerror or str(error), _hint(error)) from None
    except ValueError as error:  # a NUL in the name
        raise SpecError("cannot read the file", repr(str(path)), str(error)) from None
    with os.fdopen(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise SpecError("not a regular file", str(path), "directories, pipes and devices are not read here")
        content = stream.read(LIMIT + 1)
    if len(content) > LIMIT:
        raise SpecError("the file is larger than 1 MiB", str(path), hint="split it")
    return decode(content, str(path))


def decode(content: bytes, source: str) -> str:
    """`content` as text. Raises SpecError with line and column of the first byte that is not UTF-8."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise SpecError("the file is UTF-16", f"{source}:1:1", hint="save it as UTF-8")
    if content.startswith(b"\xef\xbb\xbf"):
        raise SpecError("the file begins with a byte order mark", f"{source}:1:1", hint="save it as UTF-8 without BOM")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        before = content[: error.start].split(b"\n")
        place = f"{source}:{len(before)}:{len(before[-1].decode(errors='replace')) + 1}"
        what = f"byte 0x{content[error.start]:02x} is not UTF-8"
        raise SpecError(what, place, hint="save the file as UTF-8") from None


def _hint(error: OSError) -> str:
    return "check the path" if isinstance(error, FileNotFoundError) else ""
