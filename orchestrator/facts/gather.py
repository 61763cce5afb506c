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


def _groups(keys: Iterable[Key]) -> list[tuple[ModuleType, list[Key]]]:
    groups: dict[ModuleType, list[Key]] = {}
    for key in dict.fromkeys(keys):
        groups.setdefault(kind(key), []).append(key)
    return sorted(groups.items(), key=lambda group: group[0].__name__)


def commands(keys: Iterable[Key]) -> tuple[Command, ...]:
    """Read-only commands that answer all keys, in a fixed order."""
    return tuple(command for module, group in _groups(keys) for command in module.commands(group))


def parse(keys: Iterable[Key], records: Sequence[Record]) -> dict[Key, object]:
    """Facts from the records of `commands(keys)`. Raises HostError when a command failed in a way that leaves a fact unknown."""
    found: dict[Key, object] = {}
    rest = list(records)
    for module, group in _groups(keys):
        asked = module.commands(group)
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
