"""Is a host fit for compute? One batch of reads per host; each finding carries the command that mends it."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from concurrent import futures

from msgspec import Struct, structs

from orchestrator.commands.command import Batch
from orchestrator.model.errors import HostError, Unreachable
from orchestrator.model.host import Host
from orchestrator.ports.clock import Clock
from orchestrator.ports.transport import Transport
from orchestrator.services import checks
from orchestrator.services.checks import Finding, Level


class Diagnosis(Struct, frozen=True):
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
        try:
            return _examine(transport, clock, host, host.become)
        except HostError as error:
            return _without_sudo(transport, clock, host) or Diagnosis(host.name, (_unreached(error),), reached=False)

    with futures.ThreadPoolExecutor(max(1, min(forks, len(hosts)))) as pool:
        return tuple(pool.map(examine, hosts))


def _examine(transport: Transport, clock: Clock, host: Host, become: bool) -> Diagnosis:
    asked = [check for check in checks.CHECKS if check.applies(host)]
    batch = Batch(f"doctor-{host.name}", 0, reads=tuple(check.command(host) for check in asked))
    before = _seconds(clock)
    records = transport.run(structs.replace(host, become=become), batch, lambda record: None)
    about = checks.Subject(host, before, _seconds(clock))
    found = (check.judge(about, record) for check, record in zip(asked, records, strict=True))
    how = "this machine, without SSH" if host.connection == "local" else f"{host.address}, port {host.port}"
    return Diagnosis(host.name, (Finding("connection", Level.OK, how), *found))


def _without_sudo(transport: Transport, clock: Clock, host: Host) -> Diagnosis | None:
    """Where the inventory asks for sudo, sudo itself may be the trouble: then the check of rights says so."""
    if not host.become:
        return None
    try:
        return _examine(transport, clock, host, become=False)
    except HostError:
        return None


def _unreached(error: HostError) -> Finding:
    what = "not reached" if isinstance(error, Unreachable) else "the checks could not be run"
    return Finding("connection", Level.FAILED, f"{what}: {error.what}: {error.why}".rstrip(": "), error.hint)


def _seconds(clock: Clock) -> float:
    return datetime.datetime.fromisoformat(clock.now()).timestamp()
