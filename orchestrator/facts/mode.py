"""Who may do what with a file or a directory: its mode."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from orchestrator.commands.command import Command, Record
from orchestrator.facts import file


class Key(Struct, frozen=True):
    """A path; the fact is an int, 0o755 say."""

    path: str

    def __str__(self) -> str:
        return f"mode of {self.path}"


def commands(keys: Sequence[Key]) -> tuple[Command, ...]:
    return (Command(("stat", "-c", "%a\t%n", "--", *(key.path for key in keys)), accepts=(0, 1)),)


def parse(keys: Sequence[Key], records: Sequence[Record]) -> dict[Key, int | None]:
    file.check(records[0])
    lines = (line.split("\t", 1) for line in records[0].output.decode().splitlines())
    found = {path: int(mode, 8) for mode, path in lines}
    return {key: found.get(key.path) for key in keys}
