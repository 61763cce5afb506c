"""Changes carried out: each host's courses on a thread of its own, again until every instance is where it is wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent import futures

from orchestrator.engine import runner
from orchestrator.engine.context import Context, Outcome
from orchestrator.facts.gather import Facts
from orchestrator.model.instance import Record
from orchestrator.planning.course import Course
from orchestrator.planning.groundwork import Groundwork
from orchestrator.services import grounds, peers
from orchestrator.services.app import App

ROUNDS = 4
"""No wish needs more courses in a row (resume a stop, find it stopped, start); more would mean that two of them undo each other."""
GOALS = {"active": "ACTIVE", "stopped": "STOPPED"}

Onward = Callable[[Record, Facts, Groundwork | None], Course | None]
Work = tuple[Sequence[Course], Mapping[str, Groundwork]]
"""What is to be done: courses, and by host what comes before those that start a guest."""
Outcomes = tuple[dict[str, Outcome], dict[str, Outcome]]
"""By instance, and by host for what its instances share."""


def carry_out(app: App, context: Context, work: Work, onward: Onward, first: int = 0) -> Outcomes:
    """What became of the instances, and of the hosts' groundwork.

    After each round `onward` says how an instance that arrived goes on, None when it is where it should be. `first` numbers the rounds: a run's
    batches have names of their own.
    """
    outcomes: dict[str, Outcome] = {}
    hosts: dict[str, Outcome] = {}
    courses, ground = work
    for number in range(first, first + ROUNDS):
        if not courses and not any(each.changes for each in ground.values()):
            break
        arrived = []
        with peers.supplied(app, courses) as ready:
            ended = _round(app, context, (ready, ground), number)
        for outcome in ended:
            if not outcome.name:
                hosts[outcome.host] = outcome
                continue
            earlier = outcomes.get(outcome.name)
            outcomes[outcome.name] = outcome if earlier is None else _sum(earlier, outcome)
            arrived += [outcome.name] if outcome.status == "changed" else []
        courses, ground = _next(app, context, arrived, onward)
    return outcomes, hosts


def _sum(earlier: Outcome, outcome: Outcome) -> Outcome:
    return Outcome(outcome.name, outcome.host, outcome.state, outcome.status, earlier.steps + outcome.steps, outcome.fault)


def _round(app: App, context: Context, work: Work, number: int) -> list[Outcome]:
    courses, ground = work
    by_host: dict[str, list[Course]] = {host: [] for host, each in ground.items() if each.changes}
    for course in courses:
        by_host.setdefault(course.record.instance.host, []).append(course)

    def run(host: str) -> tuple[Outcome, ...]:
        if context.stopping.is_set():
            return tuple(Outcome(each.record.instance.name, host, each.record.state, "pending") for each in by_host[host])
        job = f"{context.run.id}-{host}-{number}"
        return runner.execute(context, app.inventory.hosts[host], by_host[host], job, ground.get(host))

    with futures.ThreadPoolExecutor(min(app.forks, len(by_host))) as pool:
        return [outcome for outcomes in pool.map(run, by_host) for outcome in outcomes]


def _next(app: App, context: Context, arrived: Sequence[str], onward: Onward) -> Work:
    records = [record for record in app.store.records() if record.instance.name in arrived and record.state != GOALS.get(record.wanted)]
    return look(app, context, records, (), onward)[0] if records else ([], {})


def look(app: App, context: Context, records: Sequence[Record], others: Iterable[str], onward: Onward) -> tuple[Work, dict[str, str]]:
    """How the instances go on from what is seen of their hosts, and of `others`, now; and the hosts that were not reached, with the reason."""
    names = dict.fromkeys([*(record.instance.host for record in records), *others])
    made, seen = grounds.look(app, [app.inventory.hosts[name] for name in names], records, context.run)
    ground = grounds.chart(made, seen)
    going = [record for record in records if not seen[record.instance.host].error]
    found = (onward(record, seen[record.instance.host].facts, ground.get(record.instance.host)) for record in going)
    return ([course for course in found if course], ground), {name: str(each.error) for name, each in seen.items() if each.error}
