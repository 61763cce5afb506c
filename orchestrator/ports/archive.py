"""The store as a whole: what it is, copied away and brought back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from msgspec import Struct


class Summary(Struct, frozen=True):
    """What a store is. `url` without a password; `key`: where the key of its secrets is to lie here, and `key_state` none, there, missing or another."""

    url: str
    lineage: str
    schema: str
    epoch: int
    key: str
    key_state: str
    counts: Mapping[str, int]  # of rows, by table


class Restored(Struct, frozen=True):
    """What was brought back, from when, and where what was there before is kept ("" when that was empty)."""

    summary: Summary
    made_at: str
    source: str
    kept: str


class Archive(Protocol):
    """Each method raises OrchestratorError, and has then changed nothing."""

    def show(self) -> Summary:
        """The store that there is."""

    def backup(self, file: Path, replace: bool = False) -> Summary:
        """Write a copy of the store as it is at one moment, with its key; others go on writing meanwhile. Raises Conflict when the file is there already."""

    def restore(self, file: Path) -> Restored:
        """Put what is in a backup in the place of the store. Raises LockHeld while a run lives, Conflict for a database that holds a store with runs."""
