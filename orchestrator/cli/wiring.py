"""What the verbs ask of their surroundings; main.py provides it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from orchestrator.cli.settings import Settings
    from orchestrator.engine.context import Progress
    from orchestrator.model.desired import Desired
    from orchestrator.model.host import Inventory
    from orchestrator.ports.archive import Archive
    from orchestrator.ports.clock import Clock
    from orchestrator.ports.events import Events
    from orchestrator.ports.lab import Lab
    from orchestrator.ports.store import Store
    from orchestrator.ports.transport import Transport
    from orchestrator.services.app import App


class Wiring(Protocol):
    """Everything is made when it is first asked for, and closed at the end by who made it."""

    flags: dict[str, object]
    """What was given on the command line, by the names of Settings."""

    @property
    def settings(self) -> Settings:
        """Flags, environment and files together; fixed with the first look. Raises SpecErrors, UsageError."""

    def inventory(self) -> Inventory:
        """The inventory that -i names. Raises SpecErrors; UsageError when none is named."""

    def desired(self, files: Sequence[Path]) -> Desired:
        """The desired state of playbooks, with the variables and tags of the settings. Raises SpecErrors."""

    def schema(self) -> Mapping[str, object]:
        """JSON Schema of playbooks."""

    @property
    def store(self) -> Store: ...

    @property
    def archive(self) -> Archive: ...

    @property
    def transport(self) -> Transport: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def lab(self) -> Lab: ...

    @property
    def events(self) -> Events:
        """What hosts say of themselves."""

    def reach(self, hosts: Iterable[str]) -> None:
        """Begin to connect to these of the inventory, while what else it takes is imported and read. What goes wrong is told when a host is needed."""

    def app(self, report: Callable[[Progress], None] | None = None, resume: str = "") -> App:
        """Everything a use case needs.

        With a `report` it is one that changes something: an interruption waits for a safe point, and says how to go on: with the same command
        line, or with `resume`.
        """
