"""All that libvirt keeps of a domain, by its uuid: its whole definition, and what would be lost with it if it were undefined."""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from orchestrator.commands.command import Command, Record
from orchestrator.facts.domain import LIBVIRT, SPLIT, URI, complaints, silence

SAVED = re.compile(r"^Managed save:\s+yes$", re.MULTILINE)
AUTOSTART = re.compile(r"^Autostart:\s+enable$", re.MULTILINE)


class Key(Struct, frozen=True):
    """A domain's uuid; None when it is not there any more."""

    uuid: str

    def __str__(self) -> str:
        return f"definition of domain {self.uuid}"


class Definition(Struct, frozen=True):
    """`xml` as it will be at the next start, its secrets included; `snapshots` by name; `saved`: libvirt keeps the memory of the guest; `autostart`: it
    starts it when the host boots, which no XML says.
    """

    state: str
    xml: str
    saved: bool = False
    snapshots: tuple[str, ...] = ()
    autostart: bool = False


def commands(keys: Sequence[Key]) -> tuple[Command, ...]:
    looks = "; ".join(
        f"domstate {key.uuid}; echo {SPLIT}; dumpxml --inactive --security-info {key.uuid}; echo {SPLIT}; dominfo {key.uuid}; echo {SPLIT}; "
        f"snapshot-list {key.uuid} --name; echo {SPLIT}"
        for key in keys
    )
    return (Command(("virsh", "-q", "-c", URI, looks), accepts=(0, 1), timeout=60, asks=LIBVIRT),)


def parse(keys: Sequence[Key], records: Sequence[Record]) -> dict[Key, Definition | None]:
    """Raises HostError when libvirt does not answer."""
    record = records[0]
    answers = [answer.strip("\n") for answer in record.output.decode("utf-8", "replace").split(SPLIT)]
    found = {key: _definition(answers[4 * place : 4 * place + 4]) for place, key in enumerate(keys)}
    absent = {key for key in keys if f"error: failed to get domain '{key.uuid}'" in record.error}
    half = len(answers) != 4 * len(keys) + 1 or complaints(records[0].error)
    if half or any(each is None and key not in absent for key, each in found.items()):
        raise silence(record.error.strip() or f"virsh ended with {record.code}")
    return found


def _definition(answers: Sequence[str]) -> Definition | None:
    state, xml, info, snapshots = (*answers, "", "", "", "")[:4]
    if not (state and xml.startswith("<domain") and info):
        return None
    kept = tuple(snapshots.split("\n")) if snapshots else ()
    return Definition(state, f"{xml.strip()}\n", bool(SAVED.search(info)), kept, bool(AUTOSTART.search(info)))
