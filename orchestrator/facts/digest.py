"""sha256 of a small file's content, in hex."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from orchestrator.commands.command import Command, Record
from orchestrator.facts import file


class Key(Struct, frozen=True):
    """A path; the fact is 64 hex digits."""

    path: str

    def __str__(self) -> str:
        return self.path


def commands(keys: Sequence[Key]) -> tuple[Command, ...]:
    return (Command(("sha256sum", "--", *(key.path for key in keys)), accepts=(0, 1)),)


def parse(keys: Sequence[Key], records: Sequence[Record]) -> dict[Key, str | None]:
    file.check(records[0])
    lines = (line.split("  ", 1) for line in records[0].output.decode().splitlines())
    found = {path: digest for digest, path in lines}
    return {key: found.get(key.path) for key in keys}
