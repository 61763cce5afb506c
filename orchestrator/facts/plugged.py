"""Which volumes the process of a domain has as disks, and how large it takes them to be. A volume's id is in whatever it is reached by."""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from orchestrator.commands.command import Command, Record
from orchestrator.facts.domain import LIBVIRT, SPLIT, URI, silence
from orchestrator.facts.seen import Seen
from orchestrator.model import errors

VOLUME = re.compile(r"^\s*(\S+)\s.*\bvolume-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b", re.MULTILINE)
SIZE = re.compile(r"^\s*(\S+)\s+(\d+)\s+\S+\s+\S+$", re.MULTILINE)
OFF = ("shut off", "crashed")

# One fixed script; its arguments are the URI and domains' names. How large QEMU takes its disks to be it tells itself: one that a signal stopped answers
# nobody, and virsh would wait for it as long as for a libvirt that is gone. The third word of stat(5) is a process's state.
SCRIPT = f"""u=$1; shift; q=
for name do
  q="${{q:+$q; }}domstate $name; echo {SPLIT}; domblklist $name; echo {SPLIT}"; pid= s=
  {{ read -r pid <"/run/libvirt/qemu/$name.pid"; read -r s <"/proc/$pid/stat"; }} 2>/dev/null
  case ${{s##*) }} in [Tt]*) ;; *) q="$q; domblkinfo $name --all";; esac; q="$q; echo {SPLIT}"
done
exec virsh -q -c "$u" "$q"
"""


class Key(Struct, frozen=True):
    """A domain's name; the fact is a tuple of Plugged, by volume id, or None when no process runs."""

    name: str

    def __str__(self) -> str:
        return f"volumes of domain {self.name}"


class Plugged(Seen, frozen=True, eq=False):
    """A volume by its id, the disk that it is, its size in bytes; None of a process that a signal stopped: it does not tell."""

    ASIDE = frozenset({"device"})

    volume: str
    device: str
    size: int | None


def commands(keys: Sequence[Key]) -> tuple[Command, ...]:
    names = (key.name for key in keys)
    return (Command(("sh", "-c", SCRIPT, "plugged-volumes", URI, *names), accepts=(0, 1), timeout=30, asks=LIBVIRT),)


def parse(keys: Sequence[Key], records: Sequence[Record]) -> dict[Key, tuple[Plugged, ...] | None]:
    """Raises HostError when libvirt does not answer: only its own word tells that a volume is let go of."""
    answers = [answer.strip("\n") for answer in records[0].output.decode("utf-8", "replace").split(SPLIT)]
    if len(answers) != 3 * len(keys) + 1:
        raise _silence(records[0])
    return {key: _plugged(key, answers[3 * place : 3 * place + 3], records[0]) for place, key in enumerate(keys)}


def _plugged(key: Key, answers: Sequence[str], record: Record) -> tuple[Plugged, ...] | None:
    state, listed, sizes = answers
    if state in OFF or (not state and f"error: failed to get domain '{key.name}'" in record.error):
        return None
    if not state or (record.error.strip() and not listed):
        raise _silence(record)
    known = {device: int(size) for device, size in SIZE.findall(sizes)}
    return tuple(
        Plugged(volume, device, known.get(device))
        for volume, device in sorted((volume, device) for device, volume in VOLUME.findall(listed))
    )


def _silence(record: Record) -> errors.HostError:
    return silence(record.error.strip() or f"virsh ended with {record.code}")
