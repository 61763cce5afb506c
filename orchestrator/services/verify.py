"""Recorded against observed: what is not as the store says, what was left behind, what is somebody else's. A look changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct, field

from orchestrator.facts import others
from orchestrator.facts.gather import Facts
from orchestrator.model import errors
from orchestrator.model.fabric import Fabric
from orchestrator.model.host import Host
from orchestrator.model.instance import Record
from orchestrator.planning import diagnosis, groundwork, leaks, power_state
from orchestrator.planning.diagnosis import Finding, Repair
from orchestrator.planning.groundwork import Groundwork
from orchestrator.planning.leaks import Books, Leak
from orchestrator.services import grounds
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
    """Before it was looked: the records that were asked about, and by host the key of what else is there."""

    asked: tuple[Record, ...]
    keys: Mapping[str, others.Key]


def verify(app: App, hosts: Sequence[Host], names: Collection[str] | None = None) -> Verdict:
    """One look at the hosts, one round trip to each: what is not as recorded of the instances there, or of those called `names`, and of the hosts.

    Raises Conflict when other runs keep changing what the hosts share.
    """
    here = {host.name for host in hosts}
    for _ in range(grounds.TRIES):
        before = app.store.records()
        made = _fabrics(app, before, here)
        keys = {host.name: leaks.key(host, [record for record in before if record.instance.host == host.name]) for host in hosts}
        asked = tuple(record for record in before if record.instance.host in here and (names is None or record.instance.name in names))
        power = {name: [key for record in asked if record.instance.host == name for key in power_state.needs(record)] for name in here}
        more = {name: (*groundwork.needs(fabric), *leaks.needs(keys[name]), *power[name]) for name, fabric in made.items()}
        seen = observe(app, hosts, asked, None, more)
        after = app.store.records()  # what is on a host was recorded before: so what these do not have is nobody's
        if _fabrics(app, after, here) == made:
            return _judged(app, _Look(asked, keys), grounds.chart(made, seen), seen, after)
    raise grounds.changing()


def _fabrics(app: App, records: Sequence[Record], hosts: Collection[str]) -> dict[str, Fabric]:
    """The hosts' fabrics; of a host whose instances share nothing, an empty one: of ours there is to be nothing there."""
    made = grounds.of(app, [record.instance for record in records])
    return {name: made.get(name, Fabric(name, app.store.lineage)) for name in hosts}


def _judged(app: App, look: _Look, ground: Mapping[str, Groundwork], seen: Mapping[str, Observation], after: Sequence[Record]) -> Verdict:
    now = {record.instance.uuid: record for record in after}
    books = Books(now, app.store.lineage, _Issued(app))
    skipped = {record.instance.name: why for record in look.asked if (why := _busy(record, now.get(record.instance.uuid)))}
    findings: list[Finding] = []
    left: dict[str, tuple[Leak, ...]] = {}
    for name, each in seen.items():
        if each.error:
            findings += [] if _lost(each.error) else [_silent(name, each.error)]
            continue
        here = [record for record in look.asked if record.instance.host == name and record.instance.name not in skipped]
        findings += [finding for record in here for finding in _of(record, each.facts)]
        findings += _shared(ground[name])
        left[name], told = leaks.find(each.host, look.keys[name], each.facts, books)
        findings += told
    return Verdict(
        tuple(finding for finding in findings if finding.cause not in leaks.FOREIGN),
        tuple(finding for finding in findings if finding.cause in leaks.FOREIGN),
        skipped,
        {name: str(each.error) for name, each in seen.items() if each.error and _lost(each.error)},
        look.asked,
        {name: each.facts for name, each in seen.items() if not each.error},
        ground,
        left,
    )


def _of(record: Record, facts: Facts) -> tuple[Finding, ...]:
    """Of one instance: first whether it runs as recorded; of one that does not, nothing else is said."""
    if found := power_state.judge(record, facts):
        return (found,)
    return diagnosis.diagnose(record, facts) if record.state == "ACTIVE" else ()


class _Issued:
    """Whether the store gave out a uuid; it is asked for the first that is in doubt."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._known: frozenset[str] | None = None

    def __call__(self, uuid: str) -> bool:
        if self._known is None:
            self._known = leaks.issued(self._app.store.lineage, self._app.store.snapshot().next_number)
        return uuid in self._known


def _busy(record: Record, now: Record | None) -> str:
    """Why nothing can be said of an instance (nova `_sync_power_states` skips one with a task pending); "" when it can."""
    if now is None:
        return "it was destroyed meanwhile"
    if (now.state, now.updated_at) != (record.state, record.updated_at):
        return f"it went from {record.state} to {now.state} meanwhile"
    state = TABLE.state(now.state)
    if state.name == "ERROR":
        return f"it is in ERROR: {now.fault or 'nobody knows why'}"
    return f"it is in {now.state}: a run has it in hand, or left it so" if state.busy or state.name == TABLE.initial else ""


def _lost(error: errors.HostError) -> bool:
    """Whether nothing is known of the host: no connection is no finding."""
    return isinstance(error, errors.Unreachable | errors.OutcomeUnknown)


def _silent(host: str, error: errors.HostError) -> Finding:
    return Finding(
        "host", host, host, "does-not-tell", f"{error.what}: {error.why}", Repair.CANNOT, error.hint or "see `orchestrator doctor`"
    )


def _shared(ground: Groundwork) -> list[Finding]:
    """What the host's instances share and is not there as it is to be, or is there and nothing needs it."""
    host = ground.fabric.host
    if ground.problem:
        return [
            Finding(
                "host", host, host, "cannot-be-shared", f"{ground.problem.what}: {ground.problem.why}", Repair.CANNOT, ground.problem.hint
            )
        ]
    return [
        Finding(
            "network",
            host,
            host,
            leg.step.rpartition(".")[2].replace("_", "-"),
            leg.why,
            Repair.LIVE,
            f"{len(leg.actions)} commands on the host",
        )
        for leg in ground.legs
        if leg.actions
    ]
