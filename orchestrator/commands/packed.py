"""Much text that a host says, in few bytes: what is read of it has a limit (stream.OUTPUT_LIMIT), and rules of a thousand ports are megabytes."""

from __future__ import annotations

import base64
import zlib

PACK = "gzip -1 | base64 -w 0"
"""Shell: the end of a pipe."""


SEND = f"""send() {{ if [ "${{#1}}" -lt 262144 ]; then printf '%s\\n' "$1"; else printf '%s\\n' "$1" | {PACK}; fi; }}"""
"""Shell: says a text, packed only when it is much: to pack takes three processes."""


def unsend(output: bytes) -> bytes:
    """What SEND was given; text of ours never begins as gzip in base64 does. Raises ValueError when what was packed is not whole."""
    return unpack(output) if output.startswith(b"H4sI") else output


def unpack(output: bytes) -> bytes:
    """What went into PACK. Raises ValueError when it is not whole."""
    try:
        return zlib.decompress(base64.b64decode(output, validate=False), wbits=31)
    except zlib.error as error:
        raise ValueError(str(error)) from error
