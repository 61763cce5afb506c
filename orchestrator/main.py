"""The console entry point, and the one place that names concrete adapters. Each is made when it is first asked for, so that `--help` is quick."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.cli import root
from orchestrator.cli.settings import Settings

if TYPE_CHECKING:
    from orchestrator.engine.context import Progress
    from orchestrator.model.desired import Desired
    from orchestrator.model.host import Inventory
    from orchestrator.ports.lab import Lab
    from orchestrator.ports.store import Store
    from orchestrator.ports.transport import Transport
    from orchestrator.services.app import App


class Wiring:
    """What the doors get: adapters by their ports, made on first use and closed together."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.stopping = threading.Event()

    def inventory(self) -> Inventory:
        """The inventory that -i names. Raises SpecErrors; UsageError when none is named."""
        return self._inventory

    @cached_property
    def _inventory(self) -> Inventory:
        from orchestrator.files import inventory

        return inventory.load(self.settings.inventory)

    def desired(self, files: Sequence[Path], variables: Mapping[str, object]) -> Desired:
        """The desired state of playbooks. Raises SpecErrors."""
        from orchestrator.files import playbook

        settings = self.settings
        return playbook.load(files, self.inventory(), variables, settings.tags, settings.skip_tags)

    def schema(self) -> Mapping[str, object]:
        """JSON Schema of playbooks."""
        from orchestrator.files import playbook

        return playbook.schema()

    @cached_property
    def store(self) -> Store:
        from orchestrator import store
        from orchestrator.store import clock  # noqa: F401

        return store.open(self.settings.state, self.clock, self.ids)

    @cached_property
    def transport(self) -> Transport:
        from orchestrator import connections

        return connections.open()

    @cached_property
    def lab(self) -> Lab:
        from orchestrator import lab

        return lab.open()

    def app(self, report: Callable[[Progress], None]) -> App:
        """Everything a use case needs."""
        from orchestrator.services.app import App

        return App(self.inventory(), self.transport, self.store, self.clock, self.settings.forks, self.settings.wait, report, self.stopping)
