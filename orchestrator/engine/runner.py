"""The courses of one host, there and back: intent, one script, records as they stream, facts again, compare, rest, or undo.

What was sent and not seen to end is unknown, not failed: it is left as it is, its job open, and the next run looks before it acts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import structs

from orchestrator.commands.command import Action, Batch, Command, Lane, Record
from orchestrator.engine import attachments
from orchestrator.engine.context import Context, Outcome, Progress
from orchestrator.engine.ground import GroundTracker
from orchestrator.engine.tracker import POWER, Tracker
from orchestrator.facts import domain as domains
from orchestrator.facts import gather
from orchestrator.facts.gather import Facts, Key
from orchestrator.model import errors
from orchestrator.model.host import Host
from orchestrator.planning import batches, fabrics, mismatch
from orchestrator.planning.course import Course
from orchestrator.planning.groundwork import Groundwork
from orchestrator.ports.writes import Amend, Intent, Move, Remove, Resource, Settle, Step, Write

Waiting = Tracker | GroundTracker
POLL = 0.5  # seconds between looks at what is expected (nova `_wait_for_running`)


def execute(context: Context, host: Host, courses: Sequence[Course], job: str, ground: Groundwork | None = None) -> tuple[Outcome, ...]:
    """Run the courses, and the host's groundwork before or after them; that has an outcome of its own when it changes something.

    Of groundwork that comes after and does not end well nothing is told: the host is left as one that is to be looked at anew (`fabrics.UNKNOWN`).
    `job` is the run's own name for this go. Raises LostOwnership when a newer run took over; nothing else of a host's making.
    """
    base = GroundTracker(ground) if ground and (ground.changes or ground.last) else None
    possible = [course for course in courses if not course.problem]
    lanes = {lane.key: lane for lane in batches.lanes(possible, base.course if base and not base.fault else None)}
    trackers = [Tracker(course, lanes, context.clock.monotonic()) for course in courses]
    sent = tuple(lane for lane in lanes.values() if lane.actions)
    _begin(context, host, trackers, (job, sent), base)
    blocked = [tracker for tracker in trackers if tracker.fault]
    going = [tracker for tracker in trackers if not tracker.fault]
    waiting: list[Waiting] = [*going, *([base] if base and not base.fault else [])]
    batch = Batch(job, context.run.epoch, sent, store=context.store.lineage)
    buffer: list[Write] = []
    try:
        facts = _send(context, host, waiting, batch, buffer)
        facts = _settle_down(context, host, waiting, facts, job)
    except errors.HostError as error:
        return _lost(context, job, going, base, error) + _fail(context, host, blocked, f"{job}-undo")
    _check_fence(going)
    arrived = [tracker for tracker in going if not tracker.fault]
    if base and base.last and len(arrived) < len(trackers):
        base.fault = base.fault or errors.HostError("not all that was to go has gone", host.name)
    writes = [write for tracker in arrived for write in _arrive(tracker, facts)]
    laid = [_known(base)] if base and not base.fault else []
    context.store.commit(context.run, [*buffer, *writes, *laid, Settle(job, "done" if arrived or laid else "failed")])
    done = tuple(_outcome(context, tracker, "changed") for tracker in arrived) + _ground_outcome(context, base)
    return done + _fail(context, host, [*blocked, *(tracker for tracker in going if tracker.fault)], f"{job}-undo")


def _known(base: GroundTracker) -> Resource:
    return Resource("fabric", base.host, fabrics.digest(base.course.fabric))


def _ground_outcome(context: Context, base: GroundTracker | None) -> tuple[Outcome, ...]:
    if base is None or (base.last and (base.fault or not base.course.actions)):
        return ()
    outcome = base.outcome("failed", str(base.fault)) if base.fault else base.outcome("changed")
    context.report(Progress("", base.host, base.state, "", outcome.status))
    return (outcome,)


def _steps(lanes: Sequence[Lane]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((lane.key, tuple(action.step for action in lane.actions)) for lane in lanes)


def _begin(context: Context, host: Host, trackers: Sequence[Tracker], work: tuple[str, Sequence[Lane]], base: GroundTracker | None) -> None:
    """The intent, the undo, what was consented to and the opening moves: durable before the wire. What is blocked gives up nothing."""
    job, lanes = work
    writes: list[Write] = []
    for tracker in trackers:
        tracker.fault = tracker.course.problem
        writes += [Amend(tracker.instance)] if tracker.course.before and not tracker.fault else []
        writes += tracker.open()
        writes += [] if tracker.fault else tracker.advance()
    undo = {tracker.instance.uuid: tracker.undo() for tracker in trackers if not tracker.fault}
    uuids = tuple(tracker.instance.uuid for tracker in trackers)
    writes += [Resource("fabric", host.name, fabrics.UNKNOWN)] if base else []  # from now on, until it was seen
    context.store.commit(context.run, [Intent(job, host.name, uuids, undo, _steps(lanes)), *writes])
    for tracker in trackers:
        context.report(Progress(tracker.instance.name, host.name, tracker.state))
    if base:
        context.report(Progress("", host.name, base.state))


def _send(context: Context, host: Host, trackers: Sequence[Waiting], batch: Batch, buffer: list[Write]) -> Facts:
    """Send the lanes, follow their records, and read the facts that the trackers expect, all in one round trip.

    Steps that ended wait in `buffer` for the next move: a durable write costs as much as a quick command.
    """
    keys = _keys(trackers)
    if not batch.lanes and not keys:
        return {}
    if context.stopping.is_set():
        raise errors.Unreachable("not sent", host.name, "the run was interrupted")
    batch = structs.replace(batch, reads=gather.commands(keys))
    try:
        reads = context.transport.run(host, batch, _follower(context, trackers, buffer))
    except (errors.Unreachable, errors.OutcomeUnknown):
        raise
    except errors.HostError as refusal:  # the host would not begin: nothing was changed
        for tracker in trackers:
            tracker.fault = refusal
        buffer += _kept(trackers)
        return {}
    return gather.parse(keys, reads)


def _follower(context: Context, waiting: Sequence[Waiting], buffer: list[Write]) -> Callable[[Record], None]:
    by_lane: dict[str, list[Tracker]] = {}
    bases = {each.course.lane.key: each for each in waiting if isinstance(each, GroundTracker)}
    for tracker in (each for each in waiting if isinstance(each, Tracker)):
        lane = tracker.lanes[batches.key(tracker.course)]
        for name in (lane.key, *lane.after):
            by_lane.setdefault(name, []).append(tracker)

    def follow(record: Record) -> None:
        if record.lane in bases:
            bases[record.lane].feed(record)
        for tracker in by_lane.get(record.lane, ()):
            fresh = tracker.feed(record, context.clock.monotonic())
            buffer.extend(fresh)
            for write in fresh:
                context.report(_progress(tracker, write))
        if any(isinstance(write, Move) for write in buffer):
            context.store.commit(context.run, buffer)
            buffer.clear()

    return follow


def _progress(tracker: Tracker, write: Move | Step) -> Progress:
    if isinstance(write, Move):
        return Progress(tracker.instance.name, tracker.instance.host, write.dest)
    return Progress(tracker.instance.name, tracker.instance.host, write.state, write.step, write.result)


def _settle_down(context: Context, host: Host, trackers: Sequence[Waiting], facts: Facts, job: str) -> Facts:
    """Look again until everything expected is true or patience ends; then the trackers that still miss something have a fault."""
    waiting = [tracker for tracker in trackers if not tracker.fault]
    deadline = context.clock.monotonic() + max((tracker.course.patience for tracker in waiting), default=0.0)
    while missing := [tracker for tracker in waiting if _unmet(tracker, facts)]:
        if context.clock.monotonic() >= deadline:
            for tracker in missing:
                tracker.fault = _not_as_expected(tracker, host, facts)
            break
        context.clock.sleep(POLL)
        keys = _keys(missing)
        look = Batch(f"{job}-look", context.run.epoch, reads=gather.commands(keys))
        try:
            facts = {**facts, **gather.parse(keys, context.transport.run(host, look, lambda record: None))}
        except errors.Unreachable as lost:  # the look was not sent; what came before it was
            raise errors.OutcomeUnknown(lost.what, lost.where, lost.why, lost.hint) from lost
    return facts


def _keys(trackers: Sequence[Waiting]) -> tuple[Key, ...]:
    return tuple(dict.fromkeys(key for tracker in trackers for key in tracker.course.expects))


def _unmet(tracker: Waiting, facts: Facts) -> list[Key]:
    return [key for key, value in tracker.course.expects.items() if facts.get(key) != value]


def _not_as_expected(tracker: Waiting, host: Host, facts: Facts) -> errors.HostError:
    key = _unmet(tracker, facts)[0]
    return errors.HostError(
        f"{tracker.title}: not as expected after its steps",
        host.name,
        mismatch.words(key, tracker.course.expects[key], facts),
        tracker.hint,
    )


def _check_fence(trackers: Sequence[Tracker]) -> None:
    for tracker in trackers:
        if tracker.stopped == "fenced" and tracker.fault:
            raise errors.LostOwnership(
                f"instance {tracker.instance.name!r} belongs to a newer run",
                tracker.instance.host,
                tracker.fault.why,
                "this run stops here",
            )


def _arrive(tracker: Tracker, facts: Facts) -> list[Write]:
    found = facts.get(domains.Key(tracker.instance.domain))
    power = POWER.get(found.state, 0) if isinstance(found, domains.Domain) else 0
    moves: list[Write] = [
        *tracker.advance(),
        *tracker.arrive(power),
        *attachments.settled(tracker.course),
        *attachments.done(tracker.course),
    ]
    if not tracker.course.rest.removes:
        return moves
    if not all(port.tap for port in tracker.instance.ports):
        # what it was plugged into may be nobody's now: of a tap that libvirt names nothing is foretold
        moves.append(Resource("fabric", tracker.instance.host, fabrics.UNKNOWN))
    return [*moves, Remove(tracker.instance.uuid), Resource("destroyed", tracker.instance.uuid, tracker.instance.name)]


def _lost(
    context: Context, job: str, trackers: Sequence[Tracker], base: GroundTracker | None, error: errors.HostError
) -> tuple[Outcome, ...]:
    """The host was lost. Unreachable: nothing was sent, and nothing is given up: no data, and no uptime. Otherwise the job stays open: it may still run."""
    unsent = isinstance(error, errors.Unreachable)
    if unsent:
        rests = [move for tracker in trackers if tracker.course.before for move in tracker.back()]
        context.store.commit(context.run, [Settle(job, "unsent"), *_kept(trackers), *rests])
    status = "unreachable" if unsent else "unknown"
    shared = (base.outcome(status, str(error)),) if base else ()
    return tuple(_outcome(context, tracker, status, str(error)) for tracker in trackers) + shared


def _kept(trackers: Sequence[Waiting]) -> list[Amend]:
    """What was consented to is taken back: nothing of it was begun on the host."""
    return [Amend(each.course.before) for each in trackers if isinstance(each, Tracker) and each.course.before]


def _fail(context: Context, host: Host, trackers: Sequence[Tracker], job: str) -> tuple[Outcome, ...]:
    """Undo what the failed courses did, where their state says so, and go to ERROR with the reason."""
    locked = [tracker for tracker in trackers if tracker.stopped == "locked"]
    failed = [tracker for tracker in trackers if not tracker.stopped]
    lanes = tuple(lane for tracker in failed if tracker.undoes for lane in _undo_lane(context, tracker))
    leftovers: dict[str, str] = {}
    if lanes:
        context.store.commit(context.run, [Intent(job, host.name, tuple(tracker.instance.uuid for tracker in failed))])
        try:
            batch = Batch(job, context.run.epoch, lanes, store=context.store.lineage)
            context.transport.run(host, batch, _undo_follower(context, lanes, leftovers))
        except errors.HostError as error:
            return tuple(_outcome(context, tracker, "unknown", str(error)) for tracker in failed)
    writes: list[Write] = [Settle(job, "done")] if lanes else []
    for tracker in failed:
        left = leftovers.get(batches.key(tracker.course), "")
        text = str(tracker.fault) + (f"; could not be undone: {left}" if left else "")
        writes.append(tracker.fail(text, undone=tracker.undoes and not left))
    context.store.commit(context.run, writes)
    return tuple(_outcome(context, tracker, "failed", str(tracker.fault)) for tracker in failed) + tuple(
        _outcome(context, tracker, "locked", str(tracker.fault)) for tracker in locked
    )


def _undo_lane(context: Context, tracker: Tracker) -> tuple[Lane, ...]:
    kept = context.store.undo(tracker.instance.uuid)
    actions: list[Action] = []
    for undo in reversed(kept):
        actions += [structs.replace(action, step=f"undo {undo.step}") for action in undo.actions]
    return (Lane(batches.key(tracker.course), tuple(actions)),) if actions else ()


def _undo_follower(context: Context, lanes: Sequence[Lane], leftovers: dict[str, str]) -> Callable[[Record], None]:
    by_key = {lane.key: lane for lane in lanes}

    def follow(record: Record) -> None:
        if record.kind != "done":
            leftovers[record.lane] = f"host refuses: {record.kind}"
            return
        action = by_key[record.lane].actions[record.index]
        if record.code not in (action.accepts if isinstance(action, Command) else (0,)):
            leftovers[record.lane] = f"{action.shown()}: {record.output.decode('utf-8', 'replace').strip()[-300:]}"

    return follow


def _outcome(context: Context, tracker: Tracker, status: str, fault: str = "") -> Outcome:
    outcome = Outcome(tracker.instance.name, tracker.instance.host, tracker.state, status, tracker.steps, fault)
    context.report(Progress(outcome.name, outcome.host, outcome.state, "", status))
    return outcome
