"""Is there a file or a directory at a path? Symbolic links are not followed: none of ours is one."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from orchestrator.commands.command import Command, Record
from orchestrator.model import errors

ABSENT = ("No such file or directory", "Not a directory", "Is a directory")  # the last from tools that read
KINDS = {"regular file": "file", "regular empty file": "file", "directory": "directory"}


class Key(Struct, frozen=True):
    """A path; the fact is `file`, `directory` or `other`."""

    path: str

    def __str__(self) -> str:
        return self.path


def commands(keys: Sequence[Key]) -> tuple[Command, ...]:
    return (Command(("stat", "-c", "%F\t%n", "--", *(key.path for key in keys)), accepts=(0, 1)),)


def parse(keys: Sequence[Key], records: Sequence[Record]) -> dict[Key, str | None]:
    check(records[0])
    lines = (line.split("\t", 1) for line in records[0].output.decode().splitlines())
    found = {path: KINDS.get(form, "other") for form, path in lines}
    return {key: found.get(key.path) for key in keys}


def check(record: Record) -> None:
    """Raises HostError when the tool complained of a path for another reason than that nothing is there."""
    trouble = next((line for line in record.error.splitlines() if not line.endswith(ABSENT)), None)
    if trouble:
        raise errors.HostError("a file cannot be looked at", why=trouble, hint="mend the host's file system or its permissions")
