"""A transport that puts in secrets: where commands name one, what goes over the wire holds it, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import structs

from orchestrator.commands.command import Action, Batch, Command, Record
from orchestrator.model.host import Host
from orchestrator.ports.secrets import Secrets
from orchestrator.ports.transport import Transport


class SealedTransport:
    """The Transport `inner`, with the secrets of `secrets`, which is asked for them with the first command that names one."""

    def __init__(self, inner: Transport, secrets: Callable[[], Secrets]) -> None:
        self._inner, self._secrets = inner, secrets

    def run(self, host: Host, batch: Batch, on_record: Callable[[Record], None]) -> tuple[Record, ...]:
        """See ports.transport. Raises OrchestratorError, before anything is sent, when a secret cannot be had."""
        lanes = tuple(structs.replace(lane, actions=tuple(map(self._opened, lane.actions))) for lane in batch.lanes)
        return self._inner.run(host, structs.replace(batch, lanes=lanes), on_record)

    def _opened(self, action: Action) -> Action:
        if isinstance(action, Command) and action.secret:
            return structs.replace(action, stdin=self._secrets().reveal(action.secret), secret="")
        return action

    def trips(self, host: str) -> int:
        """See ports.transport."""
        return self._inner.trips(host)

    def close(self) -> None:
        """See ports.transport."""
        self._inner.close()
