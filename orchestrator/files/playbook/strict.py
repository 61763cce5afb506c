"""What every entry of a play is: a Struct that lets nothing unknown through, with a name, and perhaps a loop."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Struct

from orchestrator.files.playbook import reading, words


class Strict(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What `reading` reads: nothing unknown is let through; a null is as good as nothing written."""


class Entry(Strict, frozen=True, kw_only=True):
    """What all entries have. `loop` and `when` are acted on, and taken out, before an entry is validated."""

    name: words.DottedName
    loop: Annotated[Any, reading.given(type="array")] = None
    when: Annotated[Any, reading.given(anyOf=[{"type": "string"}, {"type": "boolean"}, {"type": "array"}])] = None
