"""Why libvirt's domains are in their states, as far as it knows: one virsh process answers for all.

Asked for by itself, where it decides something: what a domain is compared by does not hang on it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from orchestrator.commands.command import Command, Record
from orchestrator.facts.domain import LIBVIRT, SPLIT, URI, complaints, silence

ANSWER = re.compile(r"([a-z -]+) \(([^()\n]+)\)\s*")


class Key(Struct, frozen=True):
    """A domain name."""

    name: str

    def __str__(self) -> str:
        return f"reason of domain {self.name}"


class Reason(Struct, frozen=True):
    """`state` and `reason` in virsh's words: `shut off` for `crashed`, `shutdown`, `destroyed` ...; `unknown` since libvirt was restarted."""

    state: str
    reason: str


def commands(keys: Sequence[Key]) -> tuple[Command, ...]:
    looks = "; ".join(f"domstate --reason {key.name}; echo {SPLIT}" for key in keys)
    return (Command(("virsh", "-q", "-c", URI, looks), accepts=(0, 1), timeout=30, asks=LIBVIRT),)


def parse(keys: Sequence[Key], records: Sequence[Record]) -> dict[Key, Reason | None]:
    """None for a domain that libvirt does not know. Raises HostError when libvirt does not answer: a guest whose end is not told of is none that crashed."""
    if trouble := complaints(records[0].error):
        raise silence(trouble)
    answers = records[0].output.decode("utf-8", "replace").split(SPLIT)
    found = (ANSWER.fullmatch(answer) for answer in answers)
    return {key: Reason(each[1], each[2]) if each else None for key, each in zip(keys, [*found, *[None] * len(keys)], strict=False)}
