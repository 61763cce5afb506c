"""A lab: practice compute hosts on this machine."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path


class LabHostState(enum.StrEnum):
    """What a practice host was seen to be."""

    RUNNING = "running"
    UNREACHABLE = "unreachable"  # its processes live, its sshd does not answer
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class LabHost:
    """One practice host, and how to reach it by SSH. `pid` is its first process, as this machine counts; None: stopped."""

    name: str
    address: str
    port: int
    user: str
    key: Path
    state: LabHostState
    pid: int | None = None


@dataclass(frozen=True, slots=True)
class LabStatus:
    """A lab and its hosts, in the order of their numbers."""

    name: str
    subnet: str
    inventory: Path
    known_hosts: Path
    hosts: tuple[LabHost, ...]
