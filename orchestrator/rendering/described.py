"""An instance in words of its own, `instance.json` beside its libvirt.xml: what a store that has forgotten it is told it by.

It lacks user data and metadata, where passwords end up: they are on the config drive, for QEMU alone to read. It is written before a rebuild ends, and
not after: what the rebuild makes anew is left out, or whoever is told by it would lose the new disks as well.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from orchestrator.model import instance as model

NAME = "instance.json"


def path(instance: model.Instance) -> str:
    """Where it lies on the instance's host."""
    return f"{instance.directory}/{NAME}"


def text(instance: model.Instance) -> bytes:
    """The instance as JSON; the same bytes for the same instance."""
    return msgspec.json.encode(msgspec.structs.replace(instance, user_data=None, metadata={}, launched=False, due="", renews=())) + b"\n"


def read(content: bytes) -> model.Instance:
    """The instance that `text` wrote. Raises ValueError for what it cannot have written, or a newer program has."""
    try:
        found = msgspec.json.decode(content, type=model.Instance)
        lost = _lost(json.loads(content), json.loads(msgspec.json.encode(found)))
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from error
    if lost:
        raise ValueError(f"{lost} means nothing to this program")
    return found


def _lost(written: Any, kept: Any) -> str:
    """The first thing that was written and is not kept: dropping it in silence would lose it with the next write."""
    if isinstance(written, dict) and isinstance(kept, dict):
        found = ((name, _lost(value, kept[name]) if name in kept else name) for name, value in written.items())
        return next((name if inner == name else f"{name}.{inner}" for name, inner in found if inner), "")
    if isinstance(written, list) and isinstance(kept, list) and len(written) == len(kept):
        return next(filter(None, (_lost(*pair) for pair in zip(written, kept, strict=True))), "")
    return "" if written == kept else repr(written)
