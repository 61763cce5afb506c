"""An iSCSI target of tgt: what its LUN 1 is backed by, who may log in, whether somebody is."""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from orchestrator.commands.command import Command, Record
from orchestrator.facts.seen import Seen

TARGET = re.compile(r"^Target \d+: ", re.MULTILINE)
LUN = re.compile(r"^        LUN: 1\n(.*?)(?=^        LUN: |^    \S)", re.MULTILINE | re.DOTALL)
SIZE = re.compile(r"Size: (\d+) MB")
BACKING = re.compile(r"Backing store path: (.*)")


class Key(Struct, frozen=True):
    """The target's iSCSI name."""

    iqn: str

    def __str__(self) -> str:
        return f"iSCSI target {self.iqn}"


class Target(Seen, frozen=True, eq=False):
    """`path` None: LUN 1 is lost. `size` in units of 1,000,000 bytes, rounded, as tgtadm tells it. Sessions come and go by themselves."""

    ASIDE = frozenset({"connected"})

    path: str | None
    size: int
    accounts: tuple[str, ...]
    initiators: tuple[str, ...]
    connected: bool = False


def commands(keys: Sequence[Key]) -> tuple[Command, ...]:
    return (Command(("tgtadm", "--lld", "iscsi", "--mode", "target", "--op", "show")),)


def parse(keys: Sequence[Key], records: Sequence[Record]) -> dict[Key, Target | None]:
    parts = TARGET.split(records[0].output.decode("utf-8", "replace"))[1:]
    found = {part.split("\n", 1)[0]: _target(part) for part in parts}
    return {key: found.get(key.iqn) for key in keys}


def _target(part: str) -> Target:
    lun = LUN.search(part)
    size, path = (SIZE.search(lun[1]), BACKING.search(lun[1])) if lun else (None, None)
    return Target(
        path=path[1] if path else None,
        size=int(size[1]) if size else 0,
        accounts=_section(part, "Account information"),
        initiators=_section(part, "ACL information"),
        connected="I_T nexus: " in part,
    )


def _section(part: str, title: str) -> tuple[str, ...]:
    """The lines under a title, up to the next one."""
    found = re.search(rf"^    {title}:\n((?:        .*\n?)*)", part, re.MULTILINE)
    return tuple(line.strip().removesuffix(" (outgoing)") for line in found[1].splitlines()) if found else ()
