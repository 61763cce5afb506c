"""Values in JSON columns."""

from __future__ import annotations

from typing import TypeVar

from orchestrator.model import errors
from orchestrator.store import codec

T = TypeVar("T")


def body(kind: type[T], what: str, text: str) -> T:
    """The value in a JSON column. Raises OrchestratorError, naming `what`, when this program cannot read it."""
    try:
        return codec.decode(kind, text)
    except codec.CodecError as error:
        hint = "if a newer orchestrator wrote it, use that one; nothing was changed"
        raise errors.OrchestratorError(f"{what} cannot be read from the store", "", str(error), hint) from error
