"""A base in the host's cache: is it there, and as long as its manifest says? Its content is only read by `image verify`: that takes as long as the disk does."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from orchestrator.commands.command import Command, Record
from orchestrator.facts import file

WHOLE = "whole"

# One fixed script, paths as its arguments: size, size by the manifest (`# BYTES ...`), path.
SCRIPT = (
    "stat -c '%F:%s\t%n' -- \"$@\" | while IFS='\t' read -r s b; do m=; { read -r m <\"$b.sha256\"; } 2>/dev/null; "
    'case $m in "# "[0-9]*) m=${m#??}; m=${m%% *} ;; *) m= ;; esac; printf "%s\\t%s\\t%s\\n" "$s" "$m" "$b"; done'
)


class Key(Struct, frozen=True):
    """A path; the fact is WHOLE, or in words what is wrong with what is there. One without a manifest is taken as it is: only a rename makes the name."""

    path: str

    def __str__(self) -> str:
        return self.path


def commands(keys: Sequence[Key]) -> tuple[Command, ...]:
    return (Command(("sh", "-c", SCRIPT, "bases", *(key.path for key in keys))),)


def parse(keys: Sequence[Key], records: Sequence[Record]) -> dict[Key, str | None]:
    file.check(records[0])
    lines = (line.split("\t", 2) for line in records[0].output.decode("utf-8", "surrogateescape").splitlines())
    found = {path: _judged(there, wanted) for there, wanted, path in lines}
    return {key: found.get(key.path) for key in keys}


def _judged(there: str, wanted: str) -> str:
    form, _, size = there.rpartition(":")
    if file.KINDS.get(form) != "file":
        return f"it is a {form}"
    return WHOLE if wanted in ("", size) else f"it has {size} bytes, and had {wanted}"
