"""The wire to hosts: one verb."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from orchestrator.commands.command import Batch, Record
from orchestrator.model.host import Host


class Transport(Protocol):
    """Carries a batch to a host. Safe to call from several threads at once for different hosts."""

    def run(self, host: Host, batch: Batch, on_record: Callable[[Record], None]) -> tuple[Record, ...]:
        """Run the batch; `on_record` is called for each action's record as it arrives, in the calling thread.

        Returns the records of the batch's reads, in order. Raises Unreachable when nothing was started on the host, OutcomeUnknown when the
        connection was lost after something may have been.
        """

    def trips(self, host: str) -> int:
        """Round trips made to the host so far."""

    def close(self) -> None:
        """Close every connection."""
