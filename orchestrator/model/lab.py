"""A lab: practice compute hosts on this machine."""

from __future__ import annotations

import enum
from pathlib import Path

from msgspec import Struct


class LabHostState(enum.StrEnum):
    """What a practice host was seen to be."""

    RUNNING = "running"
    UNREACHABLE = "unreachable"  # its processes live, its sshd does not answer
    STOPPED = "stopped"


class LabHost(Struct, frozen=True):
    """One practice host, and how to reach it by SSH. `pid` is its first process, as this machine counts; None: stopped."""

    name: str
    address: str
    port: int
    user: str
    key: Path
    state: LabHostState
    pid: int | None = None


class LabStatus(Struct, frozen=True):
    """A lab and its hosts, in the order of their numbers."""

    name: str
    subnet: str
    inventory: Path
    known_hosts: Path
    hosts: tuple[LabHost, ...]
