"""Which domains libvirt starts with itself, when their host boots. Of guests alone that others made so: ours are brought back by us."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from orchestrator.commands.command import Command, Record
from orchestrator.facts.domain import LIBVIRT, URI, complaints, silence


class Key(Struct, frozen=True):
    """A domain's uuid; the fact is True, or None: libvirt does not start it, or it is not defined."""

    uuid: str

    def __str__(self) -> str:
        return f"autostart of domain {self.uuid}"


def commands(keys: Sequence[Key]) -> tuple[Command, ...]:
    return (Command(("virsh", "-q", "-c", URI, "list", "--all", "--autostart", "--uuid"), accepts=(0, 1), timeout=30, asks=LIBVIRT),)


def parse(keys: Sequence[Key], records: Sequence[Record]) -> dict[Key, bool | None]:
    """Raises HostError when libvirt does not answer."""
    record = records[0]
    if record.code or complaints(record.error):
        raise silence(record.error.strip() or f"virsh ended with {record.code}")
    there = record.output.decode("utf-8", "replace").split()
    return {key: True if key.uuid in there else None for key in keys}
