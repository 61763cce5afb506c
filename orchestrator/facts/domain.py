"""A libvirt domain: uuid, state, whether it is defined, and our ownership mark. One virsh process answers for all.

Each domain is asked for by its name: tables of all domains cannot be read safely, since libvirt's names may hold spaces and look like columns.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from orchestrator.commands.command import Command, Record
from orchestrator.model import errors

URI = "qemu:///system"
LIBVIRT = "libvirt"
"""Whom reads ask whose answer is libvirt's."""
SPLIT = "//--//"
"""Between answers; no domain's name can hold a slash."""
FOUND = re.compile(r"([^\n]+)\n+<domain .*?\n  <uuid>([0-9a-f-]{36})</uuid>\n", re.DOTALL)
ABSENT = re.compile(r"error: (failed to get domain '|Domain not found:)")
MARK = re.compile(r"<orchestrator:instance[^>]* lineage=['\"]([0-9a-f-]{36})['\"] digest=['\"]([0-9a-f]{64})['\"]")


class Key(Struct, frozen=True):
    """A domain name."""

    name: str

    def __str__(self) -> str:
        return f"domain {self.name}"


class Every(Struct, frozen=True):
    """The host; the fact is a tuple of the uuids of all its domains, whoever's."""

    def __str__(self) -> str:
        return "domains"


class Domain(Struct, frozen=True):
    """`state` in virsh's words (running, paused, `shut off`, crashed ...); `lineage` and `digest` from our mark, None without one."""

    uuid: str
    state: str
    persistent: bool = True
    lineage: str | None = None
    digest: str | None = None


def commands(keys: Sequence[object]) -> tuple[Command, ...]:
    looks = "".join(f"; domstate {key.name}; dumpxml --inactive {key.name}; echo {SPLIT}" for key in _named(keys))
    every = f"; list --all --uuid; echo {SPLIT}" if Every() in keys else ""
    queries = f"list --transient --name; echo {SPLIT}{looks}{every}"
    return (Command(("virsh", "-q", "-c", URI, queries), accepts=(0, 1), timeout=30, asks=LIBVIRT),)


def _named(keys: Sequence[object]) -> list[Key]:
    return [key for key in keys if isinstance(key, Key)]


def parse(keys: Sequence[object], records: Sequence[Record]) -> dict[object, object]:
    """Raises HostError when libvirt does not answer: silence is no evidence that a domain is absent, only its own word is."""
    named = _named(keys)
    transient, *answers = records[0].output.decode("utf-8", "replace").split(SPLIT)
    complaints = {line for line in records[0].error.splitlines() if line.startswith("error:")}
    complaints -= {line for line in complaints if line.startswith("error: Domain not found:")}  # older virsh adds it
    absent = {key for key in named if f"error: failed to get domain '{key.name}'" in complaints}
    found = {key: _domain(answer, key.name not in transient.splitlines()) for key, answer in zip(named, answers, strict=False)}
    silent = len(answers) != len(keys) + 1 or any(domain is None and key not in absent for key, domain in found.items())
    if silent or len(complaints) > len(absent):
        raise silence(records[0].error.strip() or f"virsh ended with {records[0].code}")
    every: dict[object, object] = {Every(): tuple(sorted(answers[-2].split()))} if Every() in keys else {}
    return every | found


def complaints(error: str) -> str:
    """What virsh complains of, but that a domain is not there; "" when libvirt has told all that it was asked."""
    return "\n".join(line for line in error.splitlines() if line.startswith("error:") and not ABSENT.match(line))


def silence(why: str) -> errors.HostError:
    """That libvirt does not answer: whatever it would have told of is unknown."""
    return errors.HostError(
        "libvirt does not answer", why=why, hint="see `systemctl status libvirtd` on the host, or `orchestrator doctor`"
    )


def _domain(answer: str, persistent: bool) -> Domain | None:
    found, mark = FOUND.match(answer), MARK.search(answer)
    return Domain(found[2], found[1], persistent, *(mark.groups() if mark else ())) if found else None
