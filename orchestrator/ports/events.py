"""What a host's hypervisor says by itself, as it happens. It wakes whoever looks, and is never believed: what counts is the look."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from orchestrator.model.host import Host


class Heard(Struct, frozen=True):
    """Something from a host.

    `kind`: listening (from now on what happens is heard; before it may have been missed), domain (something happened to the one of `uuid`),
    lost (nothing is heard until it listens again), deaf (nothing will be heard of this host at all). `detail`: what, or why.
    """

    host: str
    kind: str
    uuid: str = ""
    detail: str = ""


class Events(Protocol):
    """Listens to hosts, each until `close`; what is lost is taken up again by itself."""

    def listen(self, host: Host, heard: Callable[[Heard], None]) -> None:
        """Begin to listen. `heard` is called from threads of the adapter's own, and must return at once."""

    def close(self) -> None:
        """Hear nothing any more."""
