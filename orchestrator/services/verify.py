"""Recorded against observed: what is not as the store says, what was left behind, what is somebody else's. A look changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct, field

from orchestrator.facts import others
from orchestrator.facts.gather import Facts, Key
from orchestrator.model import errors
from orchestrator.model.fabric import Fabric
from orchestrator.model.host import Host
from orchestrator.model.instance import Record
from orchestrator.planning import diagnosis, groundwork, leaks, power_state
from orchestrator.planning.diagnosis import Finding
from orchestrator.planning.groundwork import Groundwork
from orchestrator.planning.leaks import Books, Leak
from orchestrator.ports.store import Run
from orchestrator.services import diagnose, grounds
from orchestrator.services.app import App
from orchestrator.services.observe import Observation, observe
from orchestrator.states.instance import TABLE


class Verdict(Struct, frozen=True):
    """What a look came to. `findings`: what is not as recorded; `foreign`: what is somebody else's, named alone.

    `skipped`: instances that something is being done to, by name, with the reason: nothing is said of them. `unreachable` hosts with the reason.
    What a repair works from: `records` that were looked at, and by host, of those that were seen, `facts`, `ground` and `leaks`.
    """

    findings: tuple[Finding, ...] = ()
    foreign: tuple[Finding, ...] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)
    unreachable: Mapping[str, str] = field(default_factory=dict)
    records: tuple[Record, ...] = ()
    facts: Mapping[str, Facts] = field(default_factory=dict)
    ground: Mapping[str, Groundwork] = field(default_factory=dict)
    leaks: Mapping[str, tuple[Leak, ...]] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """4 when a host was not reached, 2 when anything is not as recorded."""
        return 4 if self.unreachable else 2 if self.findings else 0

    def on(self, hosts: Collection[str]) -> Verdict:
        """What it came to on these hosts."""
        return Verdict(
            tuple(finding for finding in self.findings if finding.host in hosts),
            tuple(finding for finding in self.foreign if finding.host in hosts),
            self.skipped,
            {name: why for name, why in self.unreachable.items() if name in hosts},
            tuple(record for record in self.records if record.instance.host in hosts),
            {name: each for name, each in self.facts.items() if name in hosts},
            {name: each for name, each in self.ground.items() if name in hosts},
            {name: each for name, each in self.leaks.items() if name in hosts},
        )


class _Look(Struct, frozen=True):
    """What was looked at: the records that were asked about, by host the key of what else is there and its fabric; and what was seen of volumes."""

    asked: tuple[Record, ...]
    keys: Mapping[str, others.Key]
    made: Mapping[str, Fabric]
    volumes: Sequence[Finding]


def verify(app: App, hosts: Sequence[Host], names: Collection[str] | None = None, deep: bool = False, run: Run | None = None) -> Verdict:
    """One look at the hosts, one round trip to each: what is not as recorded of the instances there, or of those called `names`, and of the hosts.

    `deep`: as a diagnosis looks, every byte of the images that disks rest on, and once more at hosts that keep volumes of theirs. With a `run` that owns the
    instances, what dead runs began of them is waited for, and the hosts count as seen.

    Raises Conflict when other runs keep changing what the hosts share.
    """
    here = {host.name for host in hosts}
    for _ in range(grounds.TRIES):
        before = app.store.records()
        made = _fabrics(app, before, here)
        keys = {host.name: leaks.key(host, [record for record in before if record.instance.host == host.name]) for host in hosts}
        asked = tuple(record for record in before if record.instance.host in here and (names is None or record.instance.name in names))
        own = {name: [key for record in asked if record.instance.host == name for key in _needs(record, deep)] for name in here}
        more = {name: (*groundwork.needs(fabric), *leaks.needs(keys[name]), *own[name]) for name, fabric in made.items()}
        seen = observe(app, hosts, asked, run, more)
        after = app.store.records()  # what is on a host was recorded before: so what these do not have is nobody's
        if _fabrics(app, after, here) == made:
            volumes = diagnose.volumes(app, asked) if deep else ()
            return _judged(app, _Look(asked, keys, made, volumes), seen, after)
    raise grounds.changing()


def _fabrics(app: App, records: Sequence[Record], hosts: Collection[str]) -> dict[str, Fabric]:
    """The hosts' fabrics; of a host whose instances share nothing, an empty one: of ours there is to be nothing there."""
    made = grounds.of(app, [record.instance for record in records])
    return {name: made.get(name, Fabric(name, app.store.lineage)) for name in hosts}


def _judged(app: App, look: _Look, seen: Mapping[str, Observation], after: Sequence[Record]) -> Verdict:
    now = {record.instance.uuid: record for record in after}
    books = Books(now, app.store.lineage, _Destroyed(app))
    skipped = {record.instance.name: why for record in look.asked if (why := _busy(record, now.get(record.instance.uuid)))}
    findings = list(look.volumes)
    left: dict[str, tuple[Leak, ...]] = {}
    for name, each in seen.items():
        if each.error:
            findings += [] if _lost(each.error) else [diagnosis.silent(name, each.error)]
            continue
        here = [record for record in look.asked if record.instance.host == name and record.instance.name not in skipped]
        findings += [finding for record in here for finding in diagnosis.diagnose(record, each.facts)]
        findings += diagnosis.shared(look.made[name], each.facts)
        left[name], told = leaks.find(each.host, look.keys[name], each.facts, books)
        findings += told
    return Verdict(
        tuple(finding for finding in findings if finding.cause not in leaks.FOREIGN),
        tuple(finding for finding in findings if finding.cause in leaks.FOREIGN),
        skipped,
        {name: str(each.error) for name, each in seen.items() if each.error and _lost(each.error)},
        look.asked,
        {name: each.facts for name, each in seen.items() if not each.error},
        grounds.chart(look.made, seen),
        left,
    )


def _needs(record: Record, deep: bool) -> tuple[Key, ...]:
    return (*power_state.needs(record), *(diagnosis.needs(record.instance) if deep else ()))


class _Destroyed:
    """Whether an instance of a uuid was destroyed; the store is asked for the first that is in doubt."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._known: frozenset[str] | None = None

    def __call__(self, uuid: str) -> bool:
        if self._known is None:
            self._known = frozenset(each.name for each in self._app.store.resources("destroyed"))
        return uuid in self._known


def _busy(record: Record, now: Record | None) -> str:
    """Why nothing can be said of an instance (nova `_sync_power_states` skips one with a task pending); "" when it can."""
    if now is None:
        return "it was destroyed meanwhile"
    if (now.state, now.updated_at) != (record.state, record.updated_at):
        return f"it went from {record.state} to {now.state} meanwhile"
    state = TABLE.state(now.state)
    return f"it is in {now.state}: a run has it in hand, or left it so" if state.busy or state.name == TABLE.initial else ""


def _lost(error: errors.HostError) -> bool:
    """Whether nothing is known of the host: no connection is no finding."""
    return isinstance(error, errors.Unreachable | errors.OutcomeUnknown)
