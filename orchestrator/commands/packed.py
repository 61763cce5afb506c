"""Much text that a host says, in few bytes: what is read of it has a limit (stream.OUTPUT_LIMIT), and rules of a thousand ports are megabytes."""

from __future__ import annotations

import base64
import zlib

PACK = "gzip -1 | base64 -w 0"
"""Shell: the end of a pipe."""


def unpack(output: bytes) -> bytes:
    """What went into PACK. Raises ValueError when it is not whole."""
    try:
        return zlib.decompress(base64.b64decode(output, validate=False), wbits=31)
    except zlib.error as error:
        raise ValueError(str(error)) from error
