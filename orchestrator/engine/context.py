"""What the engine works with: the ports, the run, and somebody to tell."""

from __future__ import annotations

import threading
from collections.abc import Callable

from msgspec import Struct, field

from orchestrator.ports.clock import Clock
from orchestrator.ports.store import Run, Store
from orchestrator.ports.transport import Transport


class Progress(Struct, frozen=True):
    """Something happened to an instance, or, without a name, to what a host's instances share; for a live view.

    `step` is empty when a state was entered. Without a host: so many instances in `total` are about to be worked on.
    """

    name: str
    host: str
    state: str
    step: str = ""
    result: str = ""  # done | failed | undone
    total: int = 0


class Context(Struct, frozen=True):
    """One run's surroundings. `stopping` is set when the operator interrupts: nothing new is sent from then on."""

    transport: Transport
    store: Store
    clock: Clock
    run: Run
    report: Callable[[Progress], None] = lambda progress: None
    stopping: threading.Event = field(default_factory=threading.Event)


class Outcome(Struct, frozen=True):
    """What became of one instance in one go, or, without a name, of what a host's instances share.

    `status`: changed, failed, unknown (something was sent, its end was not seen), unreachable, locked, pending (not begun).
    """

    name: str
    host: str
    state: str
    status: str
    steps: int = 0
    fault: str = ""
