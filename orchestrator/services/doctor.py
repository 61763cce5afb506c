"""Is a host fit for compute? One batch of reads per host; each finding carries the command that mends it."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from concurrent import futures
from dataclasses import dataclass

from orchestrator.commands.command import Batch
from orchestrator.model.errors import HostError, Unreachable
from orchestrator.model.host import Host
from orchestrator.ports.clock import Clock
from orchestrator.ports.transport import Transport
from orchestrator.services import checks
from orchestrator.services.checks import Finding, Level


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All findings of a host; the first one is about reaching it, and the only one when that failed."""

    host: str
    findings: tuple[Finding, ...]
    reached: bool = True

    @property
    def level(self) -> Level:
        """The worst of the findings."""
        return max(finding.level for finding in self.findings)


def doctor(transport: Transport, clock: Clock, hosts: Sequence[Host], forks: int) -> tuple[Diagnosis, ...]:
    """A diagnosis for each host, in their order; `forks` hosts are asked at once. Nothing is changed on any of them."""

    def examine(host: Host) -> Diagnosis:
        asked = [check for check in checks.CHECKS if check.applies(host)]
        batch = Batch(f"doctor-{host.name}", 0, reads=tuple(check.command(host) for check in asked))
        before = _seconds(clock)
        try:
            records = transport.run(host, batch, lambda record: None)
        except HostError as error:
            return Diagnosis(host.name, (_unreached(error),), reached=False)
        about = checks.Subject(host, before, _seconds(clock))
        found = tuple(check.judge(about, record) for check, record in zip(asked, records, strict=True))
        how = "this machine, without SSH" if host.connection == "local" else f"{host.address}, port {host.port}"
        return Diagnosis(host.name, (Finding("connection", Level.OK, how), *found))

    with futures.ThreadPoolExecutor(max(1, min(forks, len(hosts)))) as pool:
        return tuple(pool.map(examine, hosts))


def _unreached(error: HostError) -> Finding:
    what = "not reached" if isinstance(error, Unreachable) else "the checks could not be run"
    return Finding("connection", Level.FAILED, f"{what}: {error.what}: {error.why}".rstrip(": "), error.hint)


def _seconds(clock: Clock) -> float:
    return datetime.datetime.fromisoformat(clock.now()).timestamp()
