"""What dead runs left open, learned from the hosts before anything is decided: their batches are waited for, and what these did is recorded.

So a step that the host did without us is not done again: a hard reboot whose controller died does not reboot twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent import futures

from orchestrator.commands.command import Batch
from orchestrator.engine import machine
from orchestrator.facts import compute, gather, job
from orchestrator.facts.gather import Facts
from orchestrator.model import errors
from orchestrator.model.instance import Record
from orchestrator.ports.store import OpenJob, Run
from orchestrator.ports.writes import Move, Settle, Write
from orchestrator.services import observe, older
from orchestrator.services.app import App
from orchestrator.states.instance import TABLE
from orchestrator.states.table import DONE


def catch_up(app: App, run: Run, names: Sequence[str]) -> None:
    """Settle the open batches of the instances called `names`, which the run owns, on every host that answers as the machine it was.

    Other batches stay open.
    """
    owned = {record.instance.uuid: record for record in app.store.records() if record.instance.name in names}
    left = [each for each in app.store.open_jobs() if each.host in app.inventory.hosts]
    dead = _ended(app) if any(not each.uuids for each in left) else set()
    left = [each for each in left if owned.keys() & set(each.uuids) or (not each.uuids and each.run in dead)]
    hosts = list(dict.fromkeys(open_job.host for open_job in left))
    if not hosts:
        return
    known_hosts = app.store.capacities()

    def ask(host: str) -> Facts:
        there, jobs = app.inventory.hosts[host], tuple(open_job.job for open_job in left if open_job.host == host)
        keys = (compute.Key(there.instances_path), *map(job.Key, jobs))
        batch = Batch(f"catch-up-{host}", 0, reads=gather.commands(keys), attach=jobs)
        try:
            facts = gather.parse(keys, app.transport.run(there, batch, lambda record: None))
            observe.capacity(there, facts, known_hosts.get(host))
        except errors.HostError:
            return {}
        return facts

    with futures.ThreadPoolExecutor(min(app.forks, len(hosts))) as pool:
        seen = dict(zip(hosts, pool.map(ask, hosts), strict=True))
    older.refuse(app.store, seen)
    known = [open_job for open_job in left if job.Key(open_job.job) in seen[open_job.host]]
    writes: list[Write] = []
    for open_job in known:
        ended = seen[open_job.host][job.Key(open_job.job)]
        writes += [Settle(open_job.job, "observed")]
        for record in (owned[uuid] for uuid in open_job.uuids if uuid in owned):
            writes += _moves(record, _pending(open_job, record, ended if isinstance(ended, tuple) else ()))
    if writes:
        app.store.commit(run, writes)


def _ended(app: App) -> set[str]:
    """Runs that are over: batches of theirs that concern no instance are nobody's any more."""
    return {run.id for run in app.store.runs() if run.status != "running"}


def _pending(open_job: OpenJob, record: Record, ended: Sequence[job.Ended]) -> set[str] | None:
    """Steps that the batch was to do for the instance and did not; None when it did nothing at all, so that nothing is known."""
    done = [each for each in ended if each.kind == "done"]
    last = {lane: max(each.index for each in done if each.lane == lane) for lane in {each.lane for each in done}}
    well = {(each.lane, each.index) for each in done if each.code == 0 or each.index < last[each.lane]}  # its lane went on: it was accepted
    if not well:
        return None
    own = f"instance/{record.instance.uuid}"
    lanes = [(number, steps) for number, (key, steps) in enumerate(open_job.lanes) if key == own or key.startswith("shared/")]
    return {step for number, steps in lanes for index, step in enumerate(steps) if (number, index) not in well}


def _moves(record: Record, pending: set[str] | None) -> Iterator[Move]:
    """Forward while nothing of the present state is pending, but never into rest: that takes a look at the host."""
    state = TABLE.state(record.state)
    while pending is not None and state.busy and not pending & set(state.steps) and state.name != TABLE.initial:
        to = TABLE.next(state.name)
        if not to.busy:
            return
        dest = machine.fire(DONE, state.name)
        yield Move(record.instance.uuid, DONE, state.name, dest.name, dest.vm_state or record.vm_state, dest.task_state, record.power_state)
        state = dest
