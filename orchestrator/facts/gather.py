"""Facts of one host in one batch: keys in, as few commands as possible, answers out."""

from __future__ import annotations

import sys
from collections.abc import Hashable, Iterable, Mapping, Sequence
from types import ModuleType

from orchestrator.commands.command import Command, Record
from orchestrator.facts import domain
from orchestrator.model import errors

OVERDUE = (124, 137, 143)
"""Exit codes of what `timeout` had to end."""

Key = Hashable
Facts = Mapping[Key, object]
"""What is true: key -> value, None when the thing is not there. A key that is missing was not looked at."""


def kind(key: Key) -> ModuleType:
    """The module that knows the key: the one it is from."""
    return sys.modules[type(key).__module__]


def _groups(keys: Iterable[Key]) -> list[tuple[ModuleType, list[Key], tuple[Command, ...]]]:
    """What each module is asked, by its name, and last who has a read that is one by itself: the others are neighbours, and read together."""
    groups: dict[ModuleType, list[Key]] = {}
    for key in dict.fromkeys(keys):
        groups.setdefault(kind(key), []).append(key)
    asked = [(module, group, module.commands(group)) for module, group in groups.items()]
    return sorted(asked, key=lambda each: (any(command.alone for command in each[2]), each[0].__name__))


def commands(keys: Iterable[Key]) -> tuple[Command, ...]:
    """Read-only commands that answer all keys, in a fixed order."""
    return tuple(command for _, _, asked in _groups(keys) for command in asked)


def parse(keys: Iterable[Key], records: Sequence[Record]) -> dict[Key, object]:
    """Facts from the records of `commands(keys)`. Raises HostError when a command failed in a way that leaves a fact unknown."""
    found: dict[Key, object] = {}
    rest = list(records)
    for module, group, asked in _groups(keys):
        for command, record in zip(asked, rest, strict=False):
            _check(command, record)
        found.update(module.parse(group, rest[: len(asked)]))
        rest = rest[len(asked) :]
    return found


def _check(command: Command, record: Record) -> None:
    if command.asks == domain.LIBVIRT and record.code in OVERDUE:
        raise domain.silence(record.error.strip() or f"it was asked, and said nothing for {command.timeout} s: it hangs, or is overloaded")
    if record.code not in command.accepts:
        why = record.error.strip() or f"exit code {record.code}"
        raise errors.HostError(f"{command.argv[0]} does not answer", why=why, hint="see `orchestrator doctor`")
