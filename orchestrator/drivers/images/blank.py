"""Bases that come from no image: an empty file system, an empty swap area (nova imagebackend, `_create_ephemeral`, `_create_swap`)."""

from __future__ import annotations

import posixpath

from orchestrator.commands.command import Action, Command
from orchestrator.model.instance import Base

FORMATS = {
    "ephemeral": ("mkfs.ext4", "-q", "-F", "-L", "ephemeral0"),
    "swap": ("mkswap", "--"),
}


def make(base: Base) -> tuple[Action, ...]:
    """Actions that make the base whole under a temporary name and then rename it.

    No two runs make the same bytes (both draw a UUID), so one that is there by now, perhaps under overlays with data, is never replaced.
    """
    part = f"{base.path}.part"
    return (
        Command(("mkdir", "-p", "--", posixpath.dirname(base.path))),
        Command(("rm", "-f", "--", part)),
        Command(("truncate", "-s", str(base.size), "--", part)),
        Command((*FORMATS[base.kind], part), timeout=600),
        Command(("sync", part), timeout=600),
        Command(("mv", "-nT", "--", part, base.path), accepts=(0, 1)),  # 1: newer coreutils, when it is there
        Command(("rm", "-f", "--", part)),
    )
