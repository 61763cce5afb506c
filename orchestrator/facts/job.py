"""What a batch of an earlier run came to, from the host's own file of its records."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from orchestrator.commands import quoting
from orchestrator.commands.command import Command, Record
from orchestrator.facts import file


class Key(Struct, frozen=True):
    """The job's name; the fact is a tuple of Ended, None when the host does not know the job: it never ran, or not since the host's boot."""

    job: str

    def __str__(self) -> str:
        return f"job {self.job}"


class Ended(Struct, frozen=True):
    """An action that ended: its lane's number in the batch, its place there, how (done, fenced, locked, skipped), its exit code."""

    lane: int
    index: int
    kind: str
    code: int


def commands(keys: Sequence[Key]) -> tuple[Command, ...]:
    return tuple(Command(("cat", "--", f"/run/orchestrator/jobs/{quoting.filename(key.job)}/out"), accepts=(0, 1)) for key in keys)


def parse(keys: Sequence[Key], records: Sequence[Record]) -> dict[Key, tuple[Ended, ...] | None]:
    for record in records:
        file.check(record)
    return {key: None if record.code else _ended(record) for key, record in zip(keys, records, strict=True)}


def _ended(record: Record) -> tuple[Ended, ...]:
    lines = (line.split(" ") for line in record.output.decode("utf-8", "replace").splitlines())
    return tuple(Ended(int(words[1]), int(words[2]), words[3], int(words[4])) for words in lines if words[0] == "lane" and len(words) > 4)
