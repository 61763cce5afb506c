"""A place in a file: every value that an operator wrote knows its own."""

from __future__ import annotations

from msgspec import Struct


class Mark(Struct, frozen=True, order=True):
    """File, line and column, both from 1. Line 0: the file as a whole."""

    source: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        """The form editors jump to: `file:line:column`."""
        return f"{self.source}:{self.line}:{self.column}" if self.line else self.source
