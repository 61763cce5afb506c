"""What is wrong with instances on their hosts, and what would mend it. A look: nothing is changed, on hosts or in the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from orchestrator.facts.gather import Key
from orchestrator.model import errors
from orchestrator.model.fabric import Fabric
from orchestrator.model.instance import Record
from orchestrator.planning import diagnosis
from orchestrator.planning.diagnosis import Finding, Repair
from orchestrator.planning.plan import Lost, StorageChange
from orchestrator.ports.store import Run
from orchestrator.services import grounds, storage, wanted
from orchestrator.services.app import App
from orchestrator.services.observe import Observation, observe


class Diagnosis(Struct, frozen=True):
    """`findings`: of each instance, of what each host's instances share, and of volumes where they lie. `unreachable` hosts with the reason."""

    findings: tuple[Finding, ...] = ()
    unreachable: Mapping[str, str] = field(default_factory=dict)
    trips: Mapping[str, int] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """4 when a host was not reached, 2 when anything is wrong."""
        return 4 if self.unreachable else 2 if self.findings else 0


class Look(Struct, frozen=True):
    """What a diagnosis is made of: findings of each instance by its name, and of the rest; fabrics and observations by host."""

    records: tuple[Record, ...]
    own: Mapping[str, tuple[Finding, ...]]
    others: tuple[Finding, ...]
    fabrics: Mapping[str, Fabric]
    seen: Mapping[str, Observation]
    unreachable: Mapping[str, str]

    @property
    def findings(self) -> tuple[Finding, ...]:
        return (*(finding for each in self.own.values() for finding in each), *self.others)


def diagnose(app: App, names: Sequence[str]) -> Diagnosis:
    """What is wrong with the instances called `names`: one round trip to each of their hosts, and one to each that keeps volumes of theirs.

    Raises NotFound, and Conflict when other runs keep changing what the hosts share.
    """
    records = wanted.pick(app, names)
    found = look(app, records)
    hosts = dict.fromkeys(record.instance.host for record in records)
    return Diagnosis(found.findings, found.unreachable, {host: app.transport.trips(host) for host in hosts})


def look(app: App, records: Sequence[Record], run: Run | None = None) -> Look:
    """One look at everything that the instances rest on. A `run` that owns them waits for what dead runs began there."""
    hosts = [app.inventory.hosts[name] for name in dict.fromkeys(record.instance.host for record in records)]
    kept, away = _kept(app, records)
    for _ in range(grounds.TRIES):
        made = _fabrics(app)
        more = {name: (*grounds.needs(made).get(name, ()), *_needs(records, name)) for name in (host.name for host in hosts)}
        seen = observe(app, hosts, records, run, more)
        if _fabrics(app) == made:
            return _judged(records, made, seen, kept, away)
    raise grounds.changing()


def volumes(app: App, records: Sequence[Record]) -> tuple[Finding, ...]:
    """What is wrong with the instances' volumes where they lie: a round trip to each host that keeps some for others."""
    return _kept(app, records)[0]


def _kept(app: App, records: Sequence[Record]) -> tuple[tuple[Finding, ...], dict[str, str]]:
    """The same, and the hosts that keep volumes and were not reached."""
    wanted_there = [each.volume for record in records for each in record.instance.volumes if not each.leaving and _far(each.volume.backend)]
    changes, lost = storage.plan(app, wanted_there)
    away = {each.volume.host: str(each.problem) for each in lost.values() if _lost(each.problem)}
    return (*_volumes(changes), *_gone(lost)), away


def _far(backend: str) -> bool:
    """Whether the volumes of a backend lie elsewhere than with their instances, whose own steps look at them."""
    return backend != "local"


def _fabrics(app: App) -> dict[str, Fabric]:
    return grounds.of(app, [record.instance for record in app.store.records()])


def _needs(records: Sequence[Record], host: str) -> tuple[Key, ...]:
    return tuple(key for record in records if record.instance.host == host for key in diagnosis.needs(record.instance))


def _judged(
    records: Sequence[Record],
    made: Mapping[str, Fabric],
    seen: Mapping[str, Observation],
    volumes: Sequence[Finding],
    away: Mapping[str, str],
) -> Look:
    own: dict[str, tuple[Finding, ...]] = {}
    others: list[Finding] = []
    for host, each in seen.items():
        here = [record for record in records if record.instance.host == host]
        if each.error:
            others += [] if _lost(each.error) else [diagnosis.silent(host, each.error)]
            continue
        own |= {record.instance.name: diagnosis.diagnose(record, each.facts) for record in here}
        others += diagnosis.shared(made[host], each.facts) if host in made else ()
    unreachable = dict(away) | {name: str(each.error) for name, each in seen.items() if each.error and _lost(each.error)}
    return Look(tuple(records), own, (*others, *volumes), made, seen, unreachable)


def _lost(error: errors.HostError) -> bool:
    """Whether nothing is known of the host: no connection is no finding."""
    return isinstance(error, errors.Unreachable | errors.OutcomeUnknown)


def _volumes(changes: Sequence[StorageChange]) -> list[Finding]:
    return [
        Finding("volume", each.name, each.host, "volume-not-offered", each.why, Repair.LIVE, "offer it again where it lies")
        for each in changes
    ]


def _gone(lost: Mapping[str, Lost]) -> list[Finding]:
    return [
        Finding(
            "volume",
            each.volume.name,
            each.volume.host,
            "volume-missing",
            f"{each.problem.what}: {each.problem.why}",
            Repair.CANNOT,
            each.problem.hint,
        )
        for each in lost.values()
        if not _lost(each.problem)
    ]
