"""The host-side guard: a job's lanes in order, one action at a time, so that a test can stop between any two."""

from __future__ import annotations

import posixpath

from orchestrator.commands.command import Action, Batch, Command, Lane, Record, Transfer, Upload
from tests.fakes import coreutils, shell
from tests.fakes.state import Directory, Entry, File, Job, Result, State, failed

OUTPUT_LIMIT = 2000


def order(batch: Batch) -> tuple[Lane, ...]:
    """Lanes that others come after first."""
    return tuple(sorted(batch.lanes, key=lambda lane: bool(lane.after)))


def pending(job: Job) -> tuple[Lane, int, Action] | None:
    """Lane, place and action that come next; None at the end or where the process died."""
    lanes = order(job.batch)
    while job.alive and job.lane < len(lanes):
        lane = lanes[job.lane]
        if job.action < len(lane.actions):
            return lane, job.action, lane.actions[job.action]
        job.ended_well.add(lane.key)
        job.lane, job.action = job.lane + 1, 0
    job.done = job.done or job.alive
    job.alive = False
    return None


def refuse(state: State, job: Job, held: set[str]) -> bool:
    """Whether the next lane may not, or need not begin: the job is then past it, with the records that say why. Its epoch is set when it may."""
    lane = order(job.batch)[job.lane]
    if job.action > 0:
        return False
    parent = next((key for key in lane.after if key not in job.ended_well), None)
    there = state.epochs.get(lane.key, 0)
    if parent is not None:
        refusal = Record(lane.key, 0, "skipped", 0, f"lane {parent} did not end well".encode())
    elif lane.key in held:
        refusal = Record(lane.key, 0, "locked", 0, b"another job held the lock")
    elif there > job.batch.epoch and not lane.key.startswith("shared/"):
        refusal = Record(lane.key, 0, "fenced", 0, f"epoch {there} > {job.batch.epoch}".encode())
    else:
        if not lane.key.startswith("shared/"):
            state.epochs[lane.key] = job.batch.epoch
        return _made(state, job, lane)
    _leave(job, refusal)
    return True


def _made(state: State, job: Job, lane: Lane) -> bool:
    """Whether another job has made what the lane is for: the lane is then passed over, and told as done."""
    if not lane.unless or lane.unless not in state.files:
        return False
    job.records += [Record(lane.key, index) for index in range(len(lane.actions))]
    job.ended_well.add(lane.key)
    job.lane, job.action = job.lane + 1, 0
    return True


def act(state: State, job: Job, forced: Result | None) -> None:
    """The next action, journalled and run (`forced`: its outcome instead); its lane goes on or is left."""
    found = pending(job)
    assert found, "nothing is pending"
    lane, index, action = found
    state.journal.append(Entry(job.batch.epoch, job.batch.job, lane.key, action.step, _argv(action)))
    result = forced or _perform(state, job, action)
    record = Record(lane.key, index, "done", result.code, (result.out + result.err)[-OUTPUT_LIMIT:])
    accepted = action.accepts if isinstance(action, Command) else (0,)
    if result.code in accepted:
        job.records.append(record)
        job.action += 1
    else:
        _leave(job, record)


def _leave(job: Job, record: Record) -> None:
    job.records.append(record)
    job.lane, job.action = job.lane + 1, 0


def _argv(action: Action) -> tuple[str, ...]:
    match action:
        case Command():
            return action.argv
        case Upload():
            return ("upload", action.path)
        case Transfer():
            return ("transfer", action.path)


def _perform(state: State, job: Job, action: Action) -> Result:
    match action:
        case Command():
            done = shell.run(state, action.argv, action.stdin or action.secret, action.timeout)
            if done.code in action.accepts or not action.otherwise:
                return done
            then = shell.run(state, action.otherwise, timeout=action.timeout)
            return Result(then.code, done.out + then.out, done.err + then.err)
        case Upload():
            return put(state, action.path, File(action.content, mode=action.mode))
        case Transfer():
            return put(state, action.path, File(job.staged.pop(action.path)))


def put(state: State, path: str, file: File) -> Result:
    """A file put in place whole, or not at all."""
    why = coreutils.parent(state, path)
    if why:
        return failed(f"sh: cannot create {path}.part: {'Directory nonexistent' if why == coreutils.MISSING else why}", 2)
    if isinstance(state.files.get(path), Directory):
        return failed(f"mv: cannot overwrite directory '{path}' with non-directory")
    state.files[path] = file
    return Result()


def stage(state: State, batch: Batch, contents: dict[str, bytes]) -> Job:
    """A job as it begins: what it transfers is on the host, and the folders for it are made."""
    for path in contents:
        shell.run(state, ("mkdir", "-p", "--", posixpath.dirname(path)))
    return Job(batch, dict(contents))
