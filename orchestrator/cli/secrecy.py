"""Names that stand for secrets: what they hold is never printed."""

from __future__ import annotations

import re
from collections.abc import Mapping

SECRET = re.compile(r".*(pass|passwd|password|passphrase|secret|token|api_?key)", re.IGNORECASE)
MASK = "********"


def masked(value: object) -> object:
    """The value without secrets: what stands under a name like `..._password`."""
    if isinstance(value, Mapping):
        return {key: MASK if SECRET.fullmatch(str(key)) else masked(item) for key, item in value.items()}
    return [masked(item) for item in value] if isinstance(value, list) else value


def assignment(given: str) -> str:
    """What was given with -e, without a secret: `db_password=...`. Text in braces is shown only when no such name is in it."""
    name, equals, _ = given.partition("=")
    if given.startswith(("{", "[")) or not equals or " " in given:
        return "..." if SECRET.match(given) else given
    return f"{name}=..." if SECRET.match(name) else given
