"""What is in a small file, read whole."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from orchestrator.commands.command import Command, Record
from orchestrator.facts import file


class Key(Struct, frozen=True):
    """A path; the fact is bytes, None when there is no file."""

    path: str

    def __str__(self) -> str:
        return self.path


def commands(keys: Sequence[Key]) -> tuple[Command, ...]:
    return tuple(Command(("cat", "--", key.path), accepts=(0, 1)) for key in keys)


def parse(keys: Sequence[Key], records: Sequence[Record]) -> dict[Key, bytes | None]:
    """Raises HostError when there is one that cannot be read."""
    for record in records:
        file.check(record)
    return {key: record.output if record.code == 0 else None for key, record in zip(keys, records, strict=True)}
