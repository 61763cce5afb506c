"""Hard reboots, in batches, on each host what its instances share first: of instances by name, whatever they are; of whole hosts, those that are to run.

A host that booted has lost its networks, its rules and its guests. It is brought back: networks, rules, volumes, then each guest from where it is, so that the
same command, given again after an interruption, starts none a second time. After that it reboots them again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set

from msgspec import Struct

from orchestrator.facts import hypervisor
from orchestrator.facts.gather import Facts, Key
from orchestrator.model.desired import Desired, InstanceRequest, Play
from orchestrator.model.instance import Record
from orchestrator.planning import course, decide, recovery
from orchestrator.planning.course import Course
from orchestrator.planning.groundwork import Groundwork
from orchestrator.planning.plan import UNREACHABLE, Change, Lost, Plan
from orchestrator.ports.store import Run
from orchestrator.ports.writes import Forget, Resource, Want, Write
from orchestrator.services import departed, grounds, restarts, running, storage, wanted
from orchestrator.services.app import App
from orchestrator.services.carry_out import ROUNDS, Outcomes, Work, carry_out
from orchestrator.services.observe import BOOTED, Observation
from orchestrator.services.report import Report
from orchestrator.services.rolling import Roll, untouched

VERB = "hard-reboot"
LET_RUN = "it runs since its host booted, and is let run while the host is brought back"


def act(app: App, names: Sequence[str], named: bool = True, pace: Play | None = None) -> Report:
    """What became of the instances called `names`. `named`: each by the operator, so that stopped ones are started, too; else those that are to run.

    `pace`: the batches, and when failures end the run. Raises NotFound, StateError (before anything is done to any), LockHeld.
    """

    def work(run: Run) -> Report:
        gone = departed.among(app, names)
        records = wanted.pick(app, [name for name in names if name not in gone])
        for record in records if named else ():
            wanted.check(VERB, record)
        left = {} if named else {record.instance.name: why for record in records if (why := recovery.left(record))}
        going = [record for record in records if record.instance.name not in left]
        stale = grounds.concerned(app, grounds.of(app, [record.instance for record in app.store.records()]))
        carry = _Carry(app, run)
        scene, lost = _look(app, run, carry, records, () if named else going)
        ended = {record.instance.name: why for record in going if not named and (why := scene.ended(record))}
        back = frozenset() if named else scene.back(app, [record for record in going if record.instance.name not in ended])
        first = _First(frozenset(ended), back)
        plan = Plan(
            tuple(_change(record, left, scene, lost, first) for record in records),
            unreachable=scene.unreachable,
            ground=tuple(scene.ground.values()),
        )
        marks = [] if named else _marks(app, run, scene, back)
        app.store.commit(run, [*_wishes(app, plan, ended), *marks, *grounds.noted(app, scene.ground.values())])
        wished = {record.instance.name: InstanceRequest(record.instance.name, "", "", (record.instance.host,)) for record in records}
        context = app.context(run)
        done = Roll(app, context, Desired(instances=wished, plays=(pace or Play(),)), plan, first, carry).off()
        failed = {name for name, each in done.hosts.items() if each.status != "changed"}
        if not done.ended:
            follows = grounds.follow(app, context, carry.rounds, (stale - scene.seen.keys()) | failed | scene.unreachable.keys())
            done.hosts = grounds.merged(done.hosts, follows)
        let = {each.name: LET_RUN for each in plan.changes if each.verb == decide.NOTHING and each.host in back}
        states = {record.instance.name: record.state for record in app.store.records()}
        found = tuple(done.outcomes.get(change.name) or untouched(change, states.get(change.name, "")) for change in plan.changes)
        trips = {name: app.transport.trips(name) for name in scene.seen}
        hosts = (*done.hosts.values(), *storage.outcomes(lost))
        report = Report(run.id, found, scene.unreachable, trips, hosts=hosts, ended=done.ended, left=let | left | ended)
        return departed.added(report, names, gone)

    return running.run(app, VERB, names, work)


class _Scene(Struct, frozen=True):
    """The hosts as they were seen."""

    seen: Mapping[str, Observation]
    ground: Mapping[str, Groundwork]

    @property
    def unreachable(self) -> dict[str, str]:
        return {name: str(each.error) for name, each in self.seen.items() if each.error}

    def ended(self, record: Record) -> str:
        """Why its guest stays off; "" for all others."""
        return recovery.ended(record, self.seen[record.instance.host].facts)

    def back(self, app: App, going: Sequence[Record]) -> frozenset[str]:
        """The hosts that are being brought back: that booted, and of which no run has said that all is well since.

        Where others brought everything back, there is nothing left of it.
        """
        booted = {each.name: each.body for each in app.store.resources(BOOTED) if each.name in self.seen}
        over = {run.id for run in app.store.runs() if run.status == "ok"} if booted else set()
        booted = {name: by for name, by in booted.items() if by not in over}
        asked = {record.instance.host for record in going if booted.get(record.instance.host) == "" and self._asks(record)}
        return frozenset(name for name, by in booted.items() if by or name in asked)

    def _asks(self, record: Record) -> bool:
        seen = self.seen[record.instance.host]
        return not seen.error and decide.decide(record, "active", seen.facts).verb != decide.NOTHING


class _Carry:
    """Carries out work; rounds are numbered through, as a run's jobs have names of their own."""

    def __init__(self, app: App, run: Run) -> None:
        self._app, self._run, self.rounds = app, run, 0

    def __call__(self, app: App, work: Work, begin: Callable[[Sequence[Course]], None]) -> Outcomes:
        begin(work[0])
        first, self.rounds = self.rounds, self.rounds + ROUNDS
        return carry_out(app, self._app.context(self._run), work, wanted.towards(VERB), first)


class _First(Struct, frozen=True):
    """An instance's first course. `ended`: guests that stay off, by instance; `back`: hosts that are being brought back."""

    ended: frozenset[str]
    back: frozenset[str]

    def __call__(self, record: Record, facts: Facts, ground: Groundwork | None) -> Course | None:
        if record.instance.name in self.ended:
            return course.chart(record, ("found_stopped",), facts, ground)
        if record.instance.host in self.back:
            return wanted.towards(VERB)(record, facts, ground)
        return course.chart(record, ("rebuild",) if record.instance.renews else ("hard_reboot",), facts, ground)


def _look(app: App, run: Run, carry: _Carry, records: Sequence[Record], asked: Sequence[Record]) -> tuple[_Scene, Mapping[str, Lost]]:
    """The hosts, and the volumes that cannot be had. Before a volume is made, networks and rules are: then what is there is seen once more."""
    scene = _see(app, run, records, asked)
    volumes = [each.volume for record in records for each in record.instance.volumes if not each.leaving and each.volume.backend != "local"]
    if not any(storage.plan(app, volumes)):
        return scene, {}
    if laid := {name: each for name, each in scene.ground.items() if each.actions}:
        carry(app, ([], laid), lambda courses: None)
    lost = storage.make(app, run, volumes)
    return (_see(app, run, records, asked) if laid else scene), lost


def _see(app: App, run: Run, records: Sequence[Record], asked: Sequence[Record]) -> _Scene:
    more: dict[str, list[Key]] = {}
    for record in asked:  # of a host that booted libvirt may say otherwise, too: asked at once, that is no trip of its own
        more.setdefault(record.instance.host, [hypervisor.Key()]).extend(recovery.needs(record))
    hosts = [app.inventory.hosts[name] for name in dict.fromkeys(record.instance.host for record in records)]
    made, seen = grounds.look(app, hosts, records, run, more)
    return _Scene(seen, grounds.chart(made, seen))


def _change(record: Record, left: Mapping[str, str], scene: _Scene, lost: Mapping[str, Lost], first: _First) -> Change:
    name, host = record.instance.name, record.instance.host
    if why := scene.unreachable.get(host):
        return Change(name, host, UNREACHABLE, why)
    if why := left.get(name):
        return Change(name, host, decide.NOTHING, why)
    if lack := storage.lacking(record.instance, lost):
        return Change(name, host, UNREACHABLE, str(lack.problem))
    charted = first(record, scene.seen[host].facts, scene.ground.get(host))
    return Change(name, host, VERB if charted else decide.NOTHING, "", charted)


def _wishes(app: App, plan: Plan, ended: Mapping[str, str]) -> list[Write]:
    """What is wanted from now on, and that restarts by policy count anew."""
    begun = [change.course.record for change in plan.changes if change.course]
    wishes: list[Write] = [Want(each.instance.uuid, "stopped" if each.instance.name in ended else "active") for each in begun]
    return [*wishes, *restarts.forgotten(app.store, begun)]


def _marks(app: App, run: Run, scene: _Scene, back: Set[str]) -> list[Write]:
    """Which hosts this run brings back, and which need that no more."""
    booted = {each.name for each in app.store.resources(BOOTED)} & scene.seen.keys()
    reached = (back | booted) - scene.unreachable.keys()
    return [Resource(BOOTED, host, run.id) if host in back else Forget(BOOTED, host) for host in sorted(reached)]
