"""QEMU processes of the host, by the uuid of their guest: as the kernel knows them, whatever libvirt has forgotten.

Processes of other network namespaces are other hosts' (practice hosts), or containers': no instance's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from orchestrator.commands.command import Command, Record
from orchestrator.facts.seen import Seen
from orchestrator.model import errors

# libvirt gives each QEMU `-uuid UUID` (qemu_command.c `qemuBuildCommandLine`). One grep reads every command line, its own, too: `self` is a file that is
# not there, and what it finds of itself. A process that has ended, but is not waited for, has no command line. The third word of stat(5) is its state; what
# it is called may hold anything.
PROCESSES = r"""processes() {
pid=
for line in $(grep -sazHxA1 -e -uuid self /proc/[0-9]*/cmdline | tr '\0' '\n'); do
  case $line in
    /proc/*/cmdline:-uuid) pid=${line#/proc/}; pid=${pid%%/*}; continue ;;
    "/proc/$pid/cmdline-self") echo "$pid R self"; continue ;;
    "/proc/$pid/cmdline-"*) ;;
    *) continue ;;
  esac
  [ "/proc/$pid/ns/net" -ef /proc/self/ns/net ] || continue
  { read -r stat <"/proc/$pid/stat"; } 2>/dev/null || continue
  stat=${stat##*) }
  echo "$pid ${stat%% *} ${line#*/cmdline-}"
done
}"""
"""Shell: pid, state and uuid of each, a line each."""
SELF = "self"
SCRIPT = f"{PROCESSES}\nprocesses"
"""Who does not find that did not look."""
FOUND = re.compile(r"([0-9]+) (\S) ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


class Key(Struct, frozen=True):
    """A guest's uuid; the fact is its Process, or None when none lives."""

    uuid: str

    def __str__(self) -> str:
        return f"QEMU process of {self.uuid}"


class Every(Struct, frozen=True):
    """The host; the fact is a tuple of Processes, by uuid and pid."""

    def __str__(self) -> str:
        return "QEMU processes"


class Process(Seen, frozen=True, eq=False):
    """`stopped`: by a signal (SIGSTOP), or by a debugger: it answers nobody, and libvirt still calls its guest running."""

    ASIDE = frozenset({"pid"})

    uuid: str
    pid: int  # another one each time
    stopped: bool = False


def commands(keys: Sequence[object]) -> tuple[Command, ...]:
    return (Command(("sh", "-c", SCRIPT, "qemu-processes")),)


def parse(keys: Sequence[object], records: Sequence[Record]) -> dict[object, object]:
    """Raises HostError when the answer is not whole: silence is no evidence that a guest does not run."""
    lines = records[0].output.decode("utf-8", "replace").splitlines()
    if not any(line.endswith(f" {SELF}") for line in lines):
        raise errors.HostError(
            "the host does not tell which QEMU processes it has",
            why=records[0].error.strip() or "what looked for them did not find itself",
            hint="see `orchestrator doctor`",
        )
    found = [Process(match[3], int(match[1]), match[2] in "Tt") for match in map(FOUND.fullmatch, lines) if match]
    every = tuple(sorted(found, key=lambda each: (each.uuid, each.pid)))
    by_uuid = {each.uuid: each for each in reversed(every)}
    return {key: by_uuid.get(key.uuid) if isinstance(key, Key) else every for key in keys}
