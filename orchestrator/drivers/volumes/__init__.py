"""Kinds of volumes: how each is made, grown, removed and reached. A file per backend, found by its name.

Each has `needs`, `plan` and `expects` over a volume and facts of the host that makes it, `doom` (how it is removed there), and `source`, how QEMU
opens it. Imports facts, rendering, commands and model. Never here: which volume belongs to which instance.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Mapping
from typing import Protocol, cast

from orchestrator.commands.command import Action
from orchestrator.facts.gather import Facts, Key
from orchestrator.model.volume import Volume


class Driver(Protocol):
    """A module here; every function is pure."""

    def needs(self, volume: Volume) -> tuple[Key, ...]:
        """The facts to read, of the host that makes the volume."""

    def plan(self, volume: Volume, facts: Facts) -> tuple[str, tuple[Action, ...]]:
        """Why, and what to do, so that the volume is there, as large as it is to be, and can be reached. Raises HostError."""

    def expects(self, volume: Volume, facts: Facts) -> Mapping[Key, object]:
        """Facts that are true then."""

    def doom(self, volume: Volume, facts: Facts) -> tuple[Action, ...]:
        """What to do so that it is gone, with its data. Raises HostError while somebody has it."""

    def doomed(self, volume: Volume) -> Mapping[Key, object]:
        """Facts that are true then."""


@functools.cache
def find(backend: str) -> Driver:
    """The backend's driver. Raises ImportError."""
    return cast(Driver, importlib.import_module(f"{__name__}.{backend}"))
