"""Is every byte of a base in the image cache what its manifest says? To read it takes as long as the image is large: only a diagnosis asks."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from orchestrator.commands.command import Command, Record
from orchestrator.facts import file

WHOLE = "whole"

# One fixed script, paths as its arguments: sha256, sha256 by the manifest (<base>.sha256), path. What has no manifest is held to nothing.
SCRIPT = (
    'for b; do [ -f "$b" ] || continue; w=$(sed -n \'s/^\\([0-9a-f]\\{64\\}\\)  .*/\\1/p\' "$b.sha256" 2>/dev/null) || w=; '
    '[ -n "$w" ] || continue; s=$(sha256sum <"$b") && printf "%s\\t%s\\t%s\\n" "${s%% *}" "$w" "$b"; done; true'
)


class Key(Struct, frozen=True):
    """A path; the fact is WHOLE, or in words what it is instead; None for what is not there, or has no manifest."""

    path: str

    def __str__(self) -> str:
        return f"content of {self.path}"


def commands(keys: Sequence[Key]) -> tuple[Command, ...]:
    return (Command(("sh", "-c", SCRIPT, "sum-bases", *(key.path for key in keys)), timeout=4 * 3600),)


def parse(keys: Sequence[Key], records: Sequence[Record]) -> dict[Key, str | None]:
    file.check(records[0])
    lines = (line.split("\t", 2) for line in records[0].output.decode("utf-8", "surrogateescape").splitlines())
    found = {path: WHOLE if digest == wanted else f"it is sha256:{digest}, and was sha256:{wanted}" for digest, wanted, path in lines}
    return {key: found.get(key.path) for key in keys}
