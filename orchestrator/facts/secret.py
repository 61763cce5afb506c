"""A secret that libvirt keeps: is it defined? Its value is never read."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from orchestrator.commands.command import Command, Record
from orchestrator.facts.domain import LIBVIRT, URI


class Key(Struct, frozen=True):
    """The secret's uuid; the fact is `defined`."""

    uuid: str

    def __str__(self) -> str:
        return f"libvirt secret {self.uuid}"


def commands(keys: Sequence[Key]) -> tuple[Command, ...]:
    return (Command(("virsh", "-q", "-c", URI, "secret-list"), timeout=30, asks=LIBVIRT),)


def parse(keys: Sequence[Key], records: Sequence[Record]) -> dict[Key, str | None]:
    known = {line.split()[0] for line in records[0].output.decode("utf-8", "replace").splitlines() if line.strip()}
    return {key: "defined" if key.uuid in known else None for key in keys}
