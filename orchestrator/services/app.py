"""What a use case needs from its surroundings; main.py fills it in."""

from __future__ import annotations

import threading
from collections.abc import Callable

from msgspec import Struct, field

from orchestrator.engine.context import Context, Progress
from orchestrator.model.host import Inventory
from orchestrator.model.scheduler import Options
from orchestrator.ports.clock import Clock
from orchestrator.ports.copies import Copies
from orchestrator.ports.store import Run, Store
from orchestrator.ports.transport import Transport


class App(Struct, frozen=True):
    """Ports and settings of one invocation. `forks`: hosts worked on at once."""

    inventory: Inventory
    transport: Transport
    store: Store
    clock: Clock
    forks: int = 10
    wait: float = 0.0  # seconds to wait for instances that another run holds
    report: Callable[[Progress], None] = lambda progress: None
    stopping: threading.Event = field(default_factory=threading.Event)
    scheduler: Options = field(default_factory=Options)
    allow: frozenset[str] = frozenset()  # reboot, rebuild, destroy: classes of changes that may be made to instances that exist
    new_store: bool = False  # that it has nothing is meant so, whatever hosts have of another's
    copies: Copies | None = None  # None: what is gone here is not looked for on other hosts

    def context(self, run: Run) -> Context:
        """The engine's view."""
        return Context(self.transport, self.store, self.clock, run, self.report, self.stopping)
