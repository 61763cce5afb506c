"""A libvirt domain: uuid, state, whether it is defined, and our ownership mark. One virsh process answers for all."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.commands.command import Command, Record
from orchestrator.model import errors

URI = "qemu:///system"
SPLIT = "-" * 8
MARK = re.compile(r"<orchestrator:instance[^>]* lineage=['\"]([0-9a-f-]{36})['\"] digest=['\"]([0-9a-f]{64})['\"]")
UUID = re.compile(r"<uuid>([0-9a-f-]{36})</uuid>")
NAME = re.compile(r"<name>([^<]*)</name>")


@dataclass(frozen=True, slots=True)
class Key:
    """A domain name."""

    name: str


@dataclass(frozen=True, slots=True)
class Domain:
    """`state` in virsh's words (running, paused, `shut off`, crashed ...); `lineage` and `digest` from our mark, None without one."""

    uuid: str
    state: str
    persistent: bool = True
    lineage: str | None = None
    digest: str | None = None


def commands(keys: Sequence[Key]) -> tuple[Command, ...]:
    dumps = "".join(f"; dumpxml --inactive {key.name}" for key in keys)
    queries = (
        f"list --all; echo {SPLIT}; list --all --uuid --name; echo {SPLIT}; list --transient --name; echo {SPLIT}{dumps}; echo {SPLIT}"
    )
    return (Command(("virsh", "-q", "-c", URI, queries), timeout=30),)


def parse(keys: Sequence[Key], records: Sequence[Record]) -> dict[Key, Domain | None]:
    """Raises HostError when libvirt does not answer: silence is no evidence that a domain is absent."""
    parts = records[0].output.decode("utf-8", "replace").split(SPLIT)
    if len(parts) != 5:
        raise errors.HostError(
            "libvirt does not answer",
            why=records[0].error.strip() or f"virsh ended with {records[0].code}",
            hint="see `systemctl status libvirtd` on the host, or `orchestrator doctor`",
        )
    states, uuids, transient, dumps, _ = parts
    state_of = {line.split(None, 2)[1]: line.split(None, 2)[2].strip() for line in states.splitlines() if line.strip()}
    uuid_of = {line.split()[1]: line.split()[0] for line in uuids.splitlines() if line.strip()}
    marks = {match[0]: match[1] for match in map(_mark, dumps.split("</domain>")) if match}
    gone = set(transient.split())
    return {
        key: Domain(
            uuid_of[key.name],
            state_of.get(key.name, "no state"),
            key.name not in gone,
            *marks.get(key.name, (None, None)),
        )
        if key.name in uuid_of
        else None
        for key in keys
    }


def _mark(xml: str) -> tuple[str, tuple[str, str]] | None:
    name, mark = NAME.search(xml), MARK.search(xml)
    return (name[1], (mark[1], mark[2])) if name and mark else None
