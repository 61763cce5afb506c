"""An image in a Ceph pool: its size in bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from msgspec import Struct

from orchestrator.commands.command import Command, Record
from orchestrator.model import errors

ABSENT = 2  # ENOENT
NO_IMAGE = re.compile(r"error opening image .*: \(2\) No such file or directory")


class Key(Struct, frozen=True):
    """`image` is pool/name. The host reaches the cluster as `user`, by its own ceph.conf, another `conf`, or `monitors`. The fact is an int."""

    image: str
    user: str = "admin"
    conf: str = ""
    monitors: str = ""

    @property
    def access(self) -> tuple[str, ...]:
        """Options of the rbd command that reach the cluster."""
        monitors = ("--mon-host", self.monitors) if self.monitors else ()
        return (*(("--conf", self.conf) if self.conf else monitors), "--id", self.user)

    def __str__(self) -> str:
        return f"rbd image {self.image}"


def commands(keys: Sequence[Key]) -> tuple[Command, ...]:
    return tuple(Command(("rbd", *key.access, "info", "--format", "json", "--", key.image), accepts=(0, ABSENT)) for key in keys)


def parse(keys: Sequence[Key], records: Sequence[Record]) -> dict[Key, int | None]:
    return {key: _size(key, record) for key, record in zip(keys, records, strict=True)}


def _size(key: Key, record: Record) -> int | None:
    """Raises HostError when it is not the image that is absent, but its pool, or ceph.conf, or a keyring: whatever is, rbd ends with 2."""
    if record.code == ABSENT:
        if NO_IMAGE.search(record.error):
            return None
        pool = "error opening pool" in record.error or "error opening default pool" in record.error
        raise errors.HostError(
            f"the pool of {key} is not there" if pool else f"{key} cannot be looked for",
            why=record.error.strip()[-300:] or f"rbd ended with {ABSENT}",
            hint="make it: `ceph osd pool create`" if pool else "see that `rbd info` works there: its ceph.conf, monitors and keyring",
        )
    return int(json.loads(record.output)["size"])
