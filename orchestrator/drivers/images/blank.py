"""Bases that come from no image: an empty file system, an empty swap area (nova imagebackend, `_create_ephemeral`, `_create_swap`)."""

from __future__ import annotations

import posixpath
import uuid

from orchestrator.commands.command import Action, Command
from orchestrator.model import names
from orchestrator.model.instance import Base


def make(base: Base) -> tuple[Action, ...]:
    """Actions that make the base whole under a temporary name and then rename it.

    The same bytes each time, ids and dates included: overlays with data may lie on the one that a lost base is made again for. One that is there
    by now, through another run, is not replaced.
    """
    part = f"{base.path}.part"
    return (
        Command(("mkdir", "-p", "--", posixpath.dirname(base.path))),
        Command(("rm", "-f", "--", part)),
        Command(("truncate", "-s", str(base.size), "--", part)),
        Command((*_format(base), "--", part), timeout=600),
        Command(("sync", part), timeout=600),
        Command(("mv", "-nT", "--", part, base.path), accepts=(0, 1)),  # 1: newer coreutils, when it is there
        Command(("rm", "-f", "--", part)),
    )


def _format(base: Base) -> tuple[str, ...]:
    identity = str(uuid.uuid5(names.IMAGE_IDS, posixpath.basename(base.path)))
    if base.kind == "swap":
        return ("mkswap", "-U", identity)
    seeded = ("-U", identity, "-E", f"hash_seed={identity}")
    return ("env", "E2FSPROGS_FAKE_TIME=1", "mkfs.ext4", "-q", "-F", "-L", "ephemeral0", *seeded)
