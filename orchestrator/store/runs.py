"""Runs and what they own: who may write about which instance. All of it inside the caller's write transaction."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.model import errors
from orchestrator.ports.store import Ended, Run
from orchestrator.store import codec, reading, session
from orchestrator.store.session import Locks, Session

RUN = tuple(Run.__struct_fields__)


class Subject(Struct, frozen=True):
    """The instance that a write is about."""

    name: str
    host: str


def begin(db: Session, wish: Run, names: Sequence[str], locks: Locks) -> Run:
    """Record the run `wish` with the next epoch and give it `names`; dead runs lose theirs. Raises LockHeld."""
    for (dead,) in db.execute("SELECT id FROM runs WHERE status = 'running'").fetchall():
        if not locks.alive(dead):
            _close(db, replace(wish, id=dead, finished_at=wish.started_at, status="abandoned"))
            locks.drop(dead)
    wanted = tuple(dict.fromkeys(names))
    if wanted:
        _free(db, wanted)
    epoch = int(session.first(db, "SELECT epoch FROM meta")) + 1
    db.execute("UPDATE meta SET epoch = ?", (epoch,))
    run = replace(wish, epoch=epoch)
    session.insert(db, "runs", {name: getattr(run, name) for name in RUN})
    session.insert(db, "ownership", *({"name": name, "run": run.id, "epoch": epoch} for name in wanted))
    return run


def finish(db: Session, run: Run, outcomes: Sequence[Ended] | None) -> None:
    """Close the run with its `status` and `recap`, and free its names; one that was abandoned stays so."""
    _close(db, run)
    if outcomes is not None:
        session.update(db, "runs", {"outcomes": codec.encode(reading.Outcomes, tuple(outcomes))}, id=run.id)


def owned(db: Session, run: Run, uuids: Sequence[str]) -> dict[str, Subject]:
    """The instances with these uuids. Raises Conflict when one is not recorded, LostOwnership when one is another run's
    or this run was closed.
    """
    found: dict[str, tuple[str, str, int | None]] = {}
    if uuids:
        rows = db.execute(
            "SELECT i.uuid, i.name, i.host, o.epoch FROM instances i LEFT JOIN ownership o ON o.name = i.name"  # noqa: S608  # only marks are put in
            f" WHERE i.uuid IN ({session.marks(len(uuids))})",
            tuple(uuids),
        )
        found = {uuid: (name, host, epoch) for uuid, name, host, epoch in rows}
    for uuid in uuids:
        if uuid not in found:
            raise errors.Conflict("this instance is not recorded", uuid, "it was removed, or never placed")
        name, _, epoch = found[uuid]
        if epoch != run.epoch:
            raise _elsewhere(name, run, epoch)
    running(db, run)
    return {uuid: Subject(name, host) for uuid, (name, host, _) in found.items()}


def names(db: Session, run: Run, wanted: Sequence[str]) -> None:
    """Raises LostOwnership unless the run owns all names."""
    if not wanted:
        return
    sql = f"SELECT name, epoch FROM ownership WHERE name IN ({session.marks(len(wanted))})"  # noqa: S608  # only marks are put in
    found = dict(db.execute(sql, tuple(wanted)).fetchall())
    for name in wanted:
        if found.get(name) != run.epoch:
            raise _elsewhere(name, run, found.get(name))


def running(db: Session, run: Run) -> None:
    """Raises LostOwnership when the run was closed: by itself, or by one that took over from it."""
    status = session.first(db, "SELECT status FROM runs WHERE id = ? AND epoch = ?", run.id, run.epoch)
    if status != "running":
        raise _lost("this run is over", f"run {run.id} (epoch {run.epoch}) is recorded as {status or 'never begun'}")


def _free(db: Session, names: Sequence[str]) -> None:
    """Raises LockHeld when another run owns one of them."""
    held = db.execute(
        "SELECT o.name, r.holder, r.verb, r.started_at FROM ownership o JOIN runs r ON r.id = o.run"  # noqa: S608  # only marks are put in
        f" WHERE o.name IN ({session.marks(len(names))}) ORDER BY o.name LIMIT 1",
        tuple(names),
    ).fetchone()
    if held is not None:
        name, holder, verb, since = held
        why, hint = f"{holder} runs '{verb}' on it since {since}", "wait for it to end, or give --wait SECONDS"
        raise errors.LockHeld(f"instance '{name}' is in other hands", "", why, hint)


def _close(db: Session, run: Run) -> None:
    values = {"status": run.status, "recap": run.recap, "finished_at": run.finished_at}
    session.update(db, "runs", values, id=run.id, status="running")
    session.delete(db, "ownership", run=run.id)


def _elsewhere(name: str, run: Run, epoch: int | None) -> errors.LostOwnership:
    newer = epoch is not None and epoch > run.epoch
    why = f"epoch {run.epoch} < {epoch}" if newer else f"the run of epoch {run.epoch} did not ask for it"
    return _lost(f"instance '{name}' is not in this run's hands", why)


def _lost(what: str, why: str) -> errors.LostOwnership:
    return errors.LostOwnership(what, "", why, "nothing was written; `get runs` shows who took over")
