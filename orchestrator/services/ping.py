"""Reach every host once, as it would be reached for work."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent import futures

from msgspec import Struct

from orchestrator.commands.command import Batch, Command
from orchestrator.model.errors import HostError
from orchestrator.model.host import Host
from orchestrator.ports.clock import Clock
from orchestrator.ports.transport import Transport

WHO = Command(("id", "-un"), timeout=10)


class Pong(Struct, frozen=True):
    """A host's answer: the user that commands run as there, and the milliseconds it took with connecting; or the error."""

    host: str
    user: str = ""
    milliseconds: int = 0
    error: HostError | None = None


def ping(transport: Transport, clock: Clock, hosts: Sequence[Host], forks: int) -> tuple[Pong, ...]:
    """An answer for each host, in their order; `forks` hosts are asked at once."""

    def ask(host: Host) -> Pong:
        begun = clock.monotonic()
        try:
            (record,) = transport.run(host, Batch(f"ping-{host.name}", 0, reads=(WHO,)), lambda record: None)
        except HostError as error:
            return Pong(host.name, error=error)
        elapsed = round((clock.monotonic() - begun) * 1000)
        return Pong(host.name, record.output.decode(errors="replace").strip(), elapsed)

    with futures.ThreadPoolExecutor(max(1, min(forks, len(hosts)))) as pool:
        return tuple(pool.map(ask, hosts))
