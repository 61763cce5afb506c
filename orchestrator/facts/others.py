"""What there is on a host beside the instances that are known to be there: every other libvirt domain, and every other instance directory."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from msgspec import Struct

from orchestrator.commands.command import Command, Record
from orchestrator.facts import domain as domains

UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
DOMAIN = re.compile(rf"([^\n]+)\n+<domain .*?\n  <name>([^\n]*)</name>\n  <uuid>({UUID})</uuid>\n", re.DOTALL)
DIRECTORY = re.compile(rf"({UUID})(_del)?")
END = "end-of-domains"
SILENT = 3
"""Exit code where libvirt does not answer."""

# One fixed script, its arguments are data: URI, instances_path, known uuids. Domains are asked for by their uuids, which hold nothing that a shell or
# virsh would read as something else; one that went away meanwhile leaves no answer. Of their XML only what is read comes back: there may be hundreds. A
# `_del` is told of whoever's it is.
SCRIPT = (
    'uri=$1 path=$2; shift 2; known=" $* "\n'
    f'all=$(virsh -q -c "$uri" list --all --uuid) || exit {SILENT}\n'
    'look=; for u in $all; do case $known in *" $u "*) ;; *) '
    f'look="$look; domstate $u; dumpxml --inactive $u; echo {domains.SPLIT}" ;; esac; done\n'
    f'[ -z "$look" ] || virsh -q -c "$uri" "list --transient --uuid; echo {domains.SPLIT}$look" | '
    "grep -a -e '^[^ ]' -e '^  <name>' -e '^  <uuid>' -e '<orchestrator:instance ' || :\n"
    f'echo; echo {END}; cd -- "$path" 2>/dev/null || exit 0\n'
    'for d in ????????-????-????-????-????????????*; do [ -d "$d" ] && [ ! -h "$d" ] || continue; '
    'case $known in *" $d "*) ;; *) printf \'%s\\n\' "$d" ;; esac; done'
)


class Key(Struct, frozen=True):
    """The host's instances_path; `known`: uuids that are not asked about, with a space between."""

    path: str
    known: str = ""

    def __str__(self) -> str:
        return "what else is on the host"


class Domain(Struct, frozen=True):
    """A domain; `state` in virsh's words, `lineage` of our mark: the store that made it, None without one."""

    uuid: str
    name: str
    state: str
    persistent: bool = True
    lineage: str | None = None

    @property
    def running(self) -> bool:
        """Whether it has a process."""
        return self.state not in ("shut off", "crashed")


class Others(Struct, frozen=True):
    """Domains by uuid, and the names of directories that are called as an instance's: `<uuid>`, or `<uuid>_del` when half removed."""

    domains: tuple[Domain, ...] = ()
    directories: tuple[str, ...] = ()


def commands(keys: Sequence[Key]) -> tuple[Command, ...]:
    return tuple(
        Command(
            ("sh", "-c", SCRIPT, "others", domains.URI, key.path, *key.known.split()), accepts=(0, SILENT), timeout=30, asks=domains.LIBVIRT
        )
        for key in keys
    )


def parse(keys: Sequence[Key], records: Sequence[Record]) -> dict[Key, Others]:
    """Raises HostError when libvirt does not answer: silence is no evidence that nothing else is there."""
    return {key: _others(record) for key, record in zip(keys, records, strict=True)}


def _others(record: Record) -> Others:
    said, ended, listed = record.output.decode("utf-8", "replace").rpartition(f"\n{END}\n")
    if not ended or domains.complaints(record.error):
        raise domains.silence(record.error.strip() or f"virsh ended with {record.code}")
    transient, *answers = said.split(domains.SPLIT)
    passing = set(transient.split())
    found = (_domain(answer, passing) for answer in answers)
    directories = (line for line in listed.splitlines() if DIRECTORY.fullmatch(line))
    return Others(tuple(sorted((each for each in found if each), key=lambda each: each.uuid)), tuple(sorted(directories)))


def _domain(answer: str, passing: set[str]) -> Domain | None:
    found = DOMAIN.search(answer)
    if not found:
        return None
    mark = domains.MARK.search(answer)
    return Domain(found[3], html.unescape(found[2]), found[1].strip(), found[3] not in passing, mark[1] if mark else None)
