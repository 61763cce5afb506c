"""Values as YAML text, to be read by people and by any YAML reader."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./-]*")
WORDS = ("true", "false", "null", "yes", "no", "on", "off", "y", "n")


def dump(value: object) -> str:
    """Block style, two spaces; texts that might mean something else are quoted as in JSON, which YAML understands."""
    return "\n".join(_lines(value))


def _lines(value: object) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _entry(f"{_scalar(key)}:", item)
    elif isinstance(value, Sequence) and not isinstance(value, str) and value:
        for item in value:
            head, *rest = _lines(item)
            yield f"- {head}"
            yield from (f"  {line}" for line in rest)
    else:
        yield _scalar(value)


def _entry(key: str, value: object) -> Iterator[str]:
    if isinstance(value, (Mapping, list, tuple)) and value:
        yield key
        yield from (f"  {line}" for line in _lines(value))
    else:
        yield f"{key} {_scalar(value)}"


def _scalar(value: object) -> str:
    if isinstance(value, str) and PLAIN.fullmatch(value) and value.lower() not in WORDS:
        return value
    if isinstance(value, str) and any(ord(char) > 0xFFFF for char in value):  # JSON would say two halves, which YAML does not put together
        return '"' + "".join(f"\\U{ord(char):08x}" if ord(char) > 0xFFFF else json.dumps(char)[1:-1] for char in value) + '"'
    return json.dumps(value)
