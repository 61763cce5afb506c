"""Volumes where they lie: made, grown and removed by their hosts, before any instance has them and after the last had them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set

from msgspec import Struct, structs

from orchestrator.commands.command import Action, Batch, Command, Lane, Record
from orchestrator.drivers import volumes as drivers
from orchestrator.drivers.volumes import local
from orchestrator.engine.context import Outcome
from orchestrator.facts import compute, gather
from orchestrator.facts.gather import Facts, Key
from orchestrator.model import errors
from orchestrator.model.instance import Instance
from orchestrator.model.volume import Volume
from orchestrator.planning import mismatch
from orchestrator.planning.leg import tagged
from orchestrator.planning.plan import Lost, StorageChange
from orchestrator.ports.store import Run
from orchestrator.ports.writes import Intent, Settle
from orchestrator.services import older
from orchestrator.services.app import App

LANE, FETCH, MAKE, REMOVE = "shared/storage", "storage.fetch_images", "storage.make_volumes", "storage.remove_volumes"


class Work(Struct, frozen=True):
    """What a host does to one of its volumes, and what is true afterwards; before that, the image that the volume is filled from is brought."""

    actions: tuple[Action, ...]
    expects: Mapping[Key, object]
    image: Lane | None = None
    why: str = ""


def make(app: App, run: Run, wanted: Sequence[Volume], fresh: Set[str] = frozenset()) -> dict[str, Lost]:
    """Have the volumes there, as large as they are to be, and within reach; those whose ids are `fresh` may be made, blank or from their image.

    The volumes, by id, of which that could not be had, with host, command and reason; what was made until then stays, and is found by the next try.
    A volume that is lost is never replaced by a blank one. Raises HostError when the run is interrupted.
    """
    lost: dict[str, Lost] = {}
    for host, each in _by_host(wanted):
        lost |= _carry_out(app, run, host, each, lambda volume, facts: _made(volume, facts, fresh))
    return lost


def remove(app: App, run: Run, doomed: Sequence[Volume]) -> None:
    """Have the volumes gone, with their data. Raises HostError."""
    for host, each in _by_host(doomed):
        check(_carry_out(app, run, host, each, lambda volume, facts: _removed(volume, facts)))


def check(lost: Mapping[str, Lost]) -> None:
    """Raises the first problem, a HostError."""
    for each in lost.values():
        raise each.problem


def outcomes(lost: Mapping[str, Lost]) -> tuple[Outcome, ...]:
    """What to tell of the hosts."""
    told = {
        each.volume.host: Outcome(
            "", each.volume.host, "", "unreachable" if isinstance(each.problem, errors.Unreachable) else "failed", fault=str(each.problem)
        )
        for each in reversed(tuple(lost.values()))
    }
    return tuple(told.values())


def lacking(instance: Instance, lost: Mapping[str, Lost]) -> Lost | None:
    """A volume that the instance is to have, and cannot have now."""
    return next((lost[each.volume.id] for each in instance.volumes if not each.leaving and each.volume.id in lost), None)


def plan(app: App, wanted: Sequence[Volume], fresh: Set[str] = frozenset()) -> tuple[tuple[StorageChange, ...], dict[str, Lost]]:
    """What `make` would do, and the volumes that cannot be had now."""
    changes: list[StorageChange] = []
    lost: dict[str, Lost] = {}
    for host, each in _by_host(wanted):
        work, missed = _judged(app, None, host, each, lambda volume, facts: _made(volume, facts, fresh))
        lost |= missed
        brought = set[str]()
        for volume in each:
            todo = work.get(volume.id)
            if todo and todo.actions:
                first = todo.image.actions if todo.image and todo.image.key not in brought else ()
                brought |= {todo.image.key} if todo.image else set()
                verb = "create" if volume.id in fresh else "change"
                changes.append(StorageChange(volume.name, host, verb, todo.why, (*first, *todo.actions)))
    return tuple(changes), lost


def _by_host(volumes: Sequence[Volume]) -> list[tuple[str, list[Volume]]]:
    hosts: dict[str, list[Volume]] = {}
    for volume in volumes:
        if volume.host:
            hosts.setdefault(volume.host, []).append(volume)
    return list(hosts.items())


def _made(volume: Volume, facts: Facts, fresh: Set[str]) -> Work:
    driver = drivers.find(volume.backend)
    missing = facts[driver.needs(volume)[0]] is None
    if missing and volume.id not in fresh:
        raise errors.HostError(
            f"volume {volume.name!r} is missing: {driver.needs(volume)[0]}",
            volume.host,
            "what was written on it is gone with it, and a blank one will not be put in its place",
            f"bring it back, or `orchestrator volume delete {volume.name}`",
        )
    fetched = tagged(local.fetch(volume, facts), FETCH) if missing else ()
    image = Lane(f"shared/image {local.base(volume)}", fetched, unless=local.base(volume)) if fetched else None
    why, actions = driver.plan(volume, facts)
    return Work(tagged(actions, MAKE), driver.expects(volume, facts), image, why)


def _removed(volume: Volume, facts: Facts) -> Work:
    driver = drivers.find(volume.backend)
    return Work(tagged(driver.doom(volume, facts), REMOVE), driver.doomed(volume))


def _look(app: App, run: Run | None, host: str, volumes: Sequence[Volume]) -> Facts:
    """The facts of the volumes; a `run` waits for what dead runs began there, which then counts as over.

    Raises StaleStore: an older store has volumes free that are in use, and gives out numbers that others have.
    """
    if host not in app.inventory.hosts:
        why = f"volume {volumes[0].name!r} is there"
        raise errors.Unreachable(f"host {host!r} is not in the inventory", why=why, hint="put it back, or give the right one with -i")
    keys: list[Key] = [compute.Key(app.inventory.hosts[host].instances_path)]
    keys += [key for volume in volumes for key in drivers.find(volume.backend).needs(volume)]
    left = _left(app, host) if run else ()
    facts = _read(app, host, Batch(f"look-storage-{host}", 0, attach=left), keys, lambda record: None)
    older.refuse(app.store, {host: facts})
    if run and left:
        app.store.commit(run, [Settle(job, "observed") for job in left])
    return facts


def _left(app: App, host: str) -> tuple[str, ...]:
    """Jobs of dead runs that work, or worked, on the host's volumes."""
    alive = {each.id for each in app.store.runs() if each.status == "running"}
    jobs = (each for each in app.store.open_jobs() if each.host == host and each.run not in alive)
    return tuple(each.job for each in jobs if LANE in dict(each.lanes))


def _read(app: App, host: str, batch: Batch, keys: Sequence[Key], on_record: Callable[[Record], None]) -> Facts:
    sent = structs.replace(batch, reads=gather.commands(keys))
    return gather.parse(keys, app.transport.run(app.inventory.hosts[host], sent, on_record))


Judge = Callable[[Volume, Facts], Work]


def _judged(app: App, run: Run | None, host: str, volumes: Sequence[Volume], judge: Judge) -> tuple[dict[str, Work], dict[str, Lost]]:
    """By volume's id what is to be done, and what stands in the way."""
    work: dict[str, Work] = {}
    lost: dict[str, Lost] = {}
    try:
        facts = _look(app, run, host, volumes)
    except errors.HostError as problem:
        return {}, {volume.id: Lost(volume, problem) for volume in volumes}
    for volume in volumes:
        try:
            work[volume.id] = judge(volume, facts)
        except errors.HostError as problem:
            lost[volume.id] = Lost(volume, problem)
    return work, lost


def _carry_out(app: App, run: Run, host: str, volumes: Sequence[Volume], judge: Judge) -> dict[str, Lost]:
    work, lost = _judged(app, run, host, volumes, judge)
    changing = [volume for volume in volumes if volume.id in work and work[volume.id].actions]
    try:
        if changing:
            _do(app, run, host, changing[0], list(work.values()))
    except errors.HostError as problem:
        if app.stopping.is_set():
            raise
        lost |= {volume.id: Lost(volume, problem) for volume in changing}
    return lost


def _do(app: App, run: Run, host: str, first: Volume, work: Sequence[Work]) -> None:
    actions = tuple(action for each in work for action in each.actions)
    if app.stopping.is_set():
        raise errors.Unreachable("not sent", host, "the run was interrupted")
    expects = {key: value for each in work for key, value in each.expects.items()}
    images = {each.image.key: each.image for each in work if each.image}  # one lane each, whoever wants it
    lanes = {**images, LANE: Lane(LANE, actions, after=tuple(images), patient=True)}
    failures: list[errors.HostError] = []

    def follow(record: Record) -> None:
        if fault := _fault(host, record, lanes[record.lane].actions):
            failures.append(fault)

    job = f"{run.id}-{host}-storage-{first.id}-{actions[0].step}"
    told = tuple((key, tuple(action.step for action in lane.actions)) for key, lane in lanes.items())
    app.store.commit(run, [Intent(job, host, (), lanes=told)])
    try:
        batch = Batch(job, run.epoch, tuple(lanes.values()), store=app.store.lineage)
        found = _read(app, host, batch, list(expects), follow)
    except errors.Unreachable:
        app.store.commit(run, [Settle(job, "unsent")])
        raise
    app.store.commit(run, [Settle(job, "failed" if failures else "done")])
    if failures:
        raise failures[0]
    for key, value in expects.items():
        if found.get(key) != value:
            raise errors.HostError("not as expected after its steps", host, mismatch.words(key, value, found), "run the same command again")


def _fault(host: str, record: Record, actions: Sequence[Action]) -> errors.HostError | None:
    text = record.output.decode("utf-8", "replace").strip()[-500:]
    if record.kind != "done":
        return errors.HostError(f"host refuses: {record.kind}", host, text)
    action = actions[record.index]
    if record.code in (action.accepts if isinstance(action, Command) else (0,)):
        return None
    where = (
        f"{host}: {action.step}: {action.argv[3] if isinstance(action, Command) and action.argv[:2] == ('sh', '-c') else action.shown()}"
    )
    return errors.HostError("step failed", where, f"exit code {record.code}: {text}", "mend that, then run the same command again")
