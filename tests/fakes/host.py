"""In-memory hosts behind the Transport port, with the faults that hosts, wires and controllers have.

A job runs on its host, not in the controller. When `on_action` kills the controller, all that was done so far is on disk (`folder`), and the job
is still under way: it goes on when somebody attaches to it, sends it again, or waits for a lock of its lanes. The callback may call `finish`
first, for a job that ends before anybody looks again, or `abandon`, for one that dies with the controller.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import pickle
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from orchestrator.commands import script
from orchestrator.commands.command import Action, Batch, Command, Record
from orchestrator.model import errors
from orchestrator.model.host import Host
from tests.fakes import job as jobs
from tests.fakes import libvirt, shell
from tests.fakes.faults import Cut, Failure, Faults
from tests.fakes.state import Job, Result, State

OnAction = Callable[[str, str, str, int, Action, str], None]
"""host, job, lane, index, action, `before` or `after`. Called in the sending thread, for what the sent batch itself does."""


class FakeFleet:
    """Hosts by name. With `folder`, every change is on disk before the next begins, and `load` finds it there."""

    def __init__(self, hosts: Iterable[str] = (), folder: Path | None = None) -> None:
        self.hosts = {name: State(name, hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()) for name in hosts}
        self.on_action: OnAction | None = None
        self.sources: dict[str, bytes] = {}  # files of the controller that need not exist
        self._folder = folder
        self._faults: defaultdict[str, Faults] = defaultdict(Faults)
        self._locks: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)
        self._quiet: defaultdict[str, int] = defaultdict(int)
        self.save()

    # Kept outside the process

    @classmethod
    def load(cls, folder: Path) -> FakeFleet:
        """The hosts as a dead controller left them, without the faults it was given."""
        fleet = cls()
        for path in sorted(folder.glob("*.host")):
            state: State = pickle.loads(path.read_bytes())  # noqa: S301  # our own test data
            fleet.hosts[state.name] = state
        fleet._folder = folder
        return fleet

    def save(self, folder: Path | None = None) -> None:
        """Every host to the folder; from then on they are kept there."""
        self._folder = folder or self._folder
        for state in self.hosts.values():
            self._keep(state)

    def _keep(self, state: State) -> None:
        if self._folder is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{state.name}.host"
        path.with_suffix(".part").write_bytes(pickle.dumps(state))
        path.with_suffix(".part").replace(path)

    # The port

    def run(self, host: Host, batch: Batch, on_record: Callable[[Record], None]) -> tuple[Record, ...]:
        """As the port says."""
        faults = self._faults[host.name]
        if host.name not in self.hosts or faults.refuses():
            raise errors.Unreachable(f"cannot connect to {host.address}", host.name, "no route to host", "is it up?")
        state = self.hosts[host.name]
        with self._locks[host.name]:
            state.trips += 1
            cut, faults.cut = faults.cut, None
            for name in batch.attach:
                self._attach(state, name)
            if batch.lanes:
                self._lanes(state, batch, cut, on_record)
            elif cut:
                raise errors.Unreachable("connection lost", host.name, "the peer does not answer")
            reads = self._reads(state, batch)
            self._keep(state)
            return reads

    def trips(self, host: str) -> int:
        """Batches that reached the host."""
        return self.hosts[host].trips

    def close(self) -> None:
        """Nothing to close."""

    def _reads(self, state: State, batch: Batch) -> tuple[Record, ...]:
        """Who let one read wait in vain is asked no more."""
        reads: list[Record] = []
        silent: set[str] = set()
        for index, read in enumerate(batch.reads):
            over = read.asks in silent
            reads.append(Record("", index, "done", 124) if over else self._read(state, index, read))
            silent |= {read.asks} if read.asks and reads[-1].code == 124 else set()
        return tuple(reads)

    def _read(self, state: State, index: int, read: Command) -> Record:
        result = self._faults[state.name].failure(read.shown()) or shell.run(state, read.argv, read.stdin, read.timeout)
        return Record("", index, "done", result.code, result.out[: 1 << 20], result.err.decode(errors="replace"))

    # Jobs on their hosts

    def _attach(self, state: State, name: str) -> None:
        """Wait for a job's end; one that is not here yet is given up."""
        job = state.jobs.setdefault(name, Job(Batch(name, 0), alive=False))
        with self._silence(state):
            self._exhaust(state, job)

    def _lanes(self, state: State, batch: Batch, cut: Cut | None, on_record: Callable[[Record], None]) -> None:
        known = batch.job in state.jobs
        job = state.jobs[batch.job] if known else self._launch(state, batch)
        records = self._records(state, job)
        with self._silence(state) if known else contextlib.nullcontext():
            for record in itertools.islice(records, cut.after) if cut else records:
                on_record(record)
        if cut:
            if not cut.lingers:
                self._exhaust(state, job)
            raise errors.OutcomeUnknown("connection lost", state.name, "something was sent, its end was not seen")
        if not job.done:
            raise errors.OutcomeUnknown(f"job {batch.job} was lost", state.name, "its process died")

    def _launch(self, state: State, batch: Batch) -> Job:
        """A new job, begun once those that hold a lock of its lanes have ended."""
        try:
            contents = {each.path: self.sources.get(each.source) or Path(each.source).read_bytes() for each in script.transfers(batch)}
        except OSError as error:
            raise errors.HostError(f"cannot read {error.filename}", state.name, error.strerror or "") from error
        keys = {lane.key for lane in batch.lanes}
        with self._silence(state):
            for other in tuple(state.jobs.values()):
                if keys & {lane.key for lane in other.batch.lanes}:
                    self._exhaust(state, other)
        state.jobs[batch.job] = jobs.stage(state, batch, contents)
        if batch.store:
            before = state.newest.get(batch.store, (0, ""))
            state.newest[batch.store] = before if before[0] > batch.epoch else (batch.epoch, batch.job)
        self._keep(state)
        return state.jobs[batch.job]

    def _records(self, state: State, job: Job) -> Iterator[Record]:
        """All that the job has said and will say; each is true and kept before it is told."""
        told = 0
        while told < len(job.records) or self._advance(state, job):
            yield from job.records[told : (told := len(job.records))]

    def _exhaust(self, state: State, job: Job) -> None:
        while self._advance(state, job):
            pass

    def _advance(self, state: State, job: Job) -> bool:
        """One action, or one refused lane, further; False at the end."""
        found = jobs.pending(job)
        if found and not jobs.refuse(state, job, self._faults[state.name].held):
            lane, index, action = found
            self._keep(state)
            self._tell(state, (job.batch.job, lane.key, index, action, "before"))
            if jobs.pending(job) == found:  # the callback may have finished or abandoned the job
                jobs.act(state, job, self._faults[state.name].failure(action.shown()))
                self._keep(state)
                self._tell(state, (job.batch.job, lane.key, index, action, "after"))
        self._keep(state)
        return found is not None

    def _tell(self, state: State, what: tuple[str, str, int, Action, str]) -> None:
        if self.on_action and not self._quiet[state.name]:
            self.on_action(state.name, *what)

    @contextlib.contextmanager
    def _silence(self, state: State) -> Iterator[None]:
        """What a host does by itself is nobody's callback."""
        self._quiet[state.name] += 1
        try:
            yield
        finally:
            self._quiet[state.name] -= 1

    # Faults

    def cut(self, host: str, after: int = 0, lingers: bool = False) -> None:
        """The next batch loses its connection after so many records, while its job goes on: to its end, or, lingering, until somebody attaches."""
        self._faults[host].cut = Cut(after, lingers)

    def unreachable(self, host: str, times: int | None = None) -> None:
        """Connections fail, `times` times or until `heal`."""
        self._faults[host].unreachable = times

    def fail(self, host: str, match: str, code: int = 1, stderr: str = "", times: int | None = None) -> None:
        """Actions and reads whose text holds `match` end so, `times` times or until `heal`."""
        self._faults[host].failures.append(Failure(match, Result(code, b"", stderr.encode()), times))

    def hold(self, host: str, key: str) -> None:
        """The lock of a lane is never free: `locked`."""
        self._faults[host].held.add(key)

    def heal(self, host: str) -> None:
        """No more faults."""
        del self._faults[host]

    def finish(self, host: str) -> None:
        """Whatever is under way on the host goes on to its end."""
        state = self.hosts[host]
        with self._silence(state):
            for job in tuple(state.jobs.values()):
                self._exhaust(state, job)

    def abandon(self, host: str) -> None:
        """Whatever is under way on the host dies where it is."""
        for job in self.hosts[host].jobs.values():
            job.alive = False
        self._keep(self.hosts[host])

    def reboot(self, host: str) -> None:
        """Power off and on."""
        self.hosts[host].reboot()
        self._keep(self.hosts[host])

    def kill_qemu(self, host: str, domain: str) -> None:
        """The domain's process gone, by whatever killed it."""
        state = self.hosts[host]
        libvirt.end(state, state.domains[domain])
        self._keep(state)

    def power_off(self, host: str, domain: str) -> None:
        """The guest shuts itself down."""
        state = self.hosts[host]
        libvirt.end(state, state.domains[domain], "shutdown")
        self._keep(state)
