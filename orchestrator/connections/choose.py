"""The transport that main.py makes: each host by the connection its inventory names."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.commands.command import Batch, Record
from orchestrator.connections import local, ssh
from orchestrator.model.host import Host


class ChosenTransport:
    """Fulfils ports.transport.Transport: `ansible_connection: local` runs here, everything else over SSH."""

    def __init__(self) -> None:
        self._ssh = ssh.SshTransport()
        self._local = local.LocalTransport()

    def run(self, host: Host, batch: Batch, on_record: Callable[[Record], None]) -> tuple[Record, ...]:
        """Run the batch on the host; see the port."""
        chosen = self._local if host.connection == "local" else self._ssh
        return chosen.run(host, batch, on_record)

    def trips(self, host: str) -> int:
        """Batches sent to the host so far."""
        return self._local.trips(host) + self._ssh.trips(host)

    def close(self) -> None:
        """Close every connection."""
        self._ssh.close()
        self._local.close()
