"""The transport that main.py makes: each host by the connection its inventory names."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from orchestrator.commands.command import Batch, Record
from orchestrator.connections import local, ssh, watchdog
from orchestrator.model.host import Host

if TYPE_CHECKING:
    from orchestrator.connections import events


class ChosenTransport:
    """Fulfils ports.transport.Transport: `ansible_connection: local` runs here, everything else over SSH.

    `silence`: seconds after which a host that says nothing counts as gone; heartbeats come every 4 s, so at least 5.
    """

    def __init__(self, silence: float = watchdog.SILENCE) -> None:
        self._ssh = ssh.SshTransport(silence)
        self._local = local.LocalTransport(silence)

    def run(self, host: Host, batch: Batch, on_record: Callable[[Record], None]) -> tuple[Record, ...]:
        """Run the batch on the host; see the port."""
        chosen = self._local if host.connection == "local" else self._ssh
        return chosen.run(host, batch, on_record)

    def stream(self, host: Host, argv: Sequence[str]) -> contextlib.AbstractContextManager[events.Far]:
        """A command on the host, its stdin and stdout; see SshTransport."""
        return self._local.stream(host, argv) if host.connection == "local" else self._ssh.stream(host, argv)

    def open(self, hosts: Iterable[Host], forks: int) -> None:
        """Begin to connect to those that are reached over SSH; see SshTransport."""
        self._ssh.open([host for host in hosts if host.connection != "local"], forks)

    def trips(self, host: str) -> int:
        """Batches sent to the host so far."""
        return self._local.trips(host) + self._ssh.trips(host)

    def close(self) -> None:
        """Close every connection."""
        self._ssh.close()
        self._local.close()
