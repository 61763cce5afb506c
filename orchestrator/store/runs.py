"""Runs and what they own: who may write about which instance. All of it inside the caller's write transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, Row, delete, insert, select, update

from orchestrator.model import errors
from orchestrator.ports.store import Ended, Run
from orchestrator.store import codec, liveness, reading, schema

RUN = tuple(schema.runs.c[name] for name in Run.__slots__)


@dataclass(frozen=True, slots=True)
class Subject:
    """The instance that a write is about."""

    name: str
    host: str


def begin(connection: Connection, wish: Run, names: Sequence[str], locks: liveness.Locks) -> Run:
    """Record the run `wish` with the next epoch and give it `names`; dead runs lose theirs. Raises LockHeld."""
    for (dead,) in connection.execute(select(schema.runs.c.id).where(schema.runs.c.status == "running")).all():
        if not locks.alive(dead):
            _close(connection, replace(wish, id=dead, finished_at=wish.started_at, status="abandoned"))
            locks.drop(dead)
    owner = schema.ownership
    held = select(owner.c.name, *RUN).join(schema.runs).where(owner.c.name.in_(names)).order_by(owner.c.name)
    if (first := connection.execute(held).first()) is not None:
        raise _held(first)
    epoch = connection.execute(select(schema.meta.c.epoch)).scalar_one() + 1
    connection.execute(update(schema.meta).values(epoch=epoch))
    run = replace(wish, epoch=epoch)
    connection.execute(insert(schema.runs).values({name: getattr(run, name) for name in Run.__slots__}))
    if names:
        rows = [{"name": name, "run": run.id, "epoch": epoch} for name in dict.fromkeys(names)]
        connection.execute(insert(owner), rows)
    return run


def finish(connection: Connection, run: Run, outcomes: Sequence[Ended] | None) -> None:
    """Close the run with its `status` and `recap`, and free its names; one that was abandoned stays so."""
    _close(connection, run)
    if outcomes is not None:
        told = codec.encode(reading.Outcomes, tuple(outcomes))
        connection.execute(update(schema.runs).where(schema.runs.c.id == run.id).values(outcomes=told))


def owned(connection: Connection, run: Run, uuids: Sequence[str]) -> dict[str, Subject]:
    """The instances with these uuids. Raises Conflict when one is not recorded, LostOwnership when one is another run's
    or this run was closed.
    """
    table, owner = schema.instances, schema.ownership
    query = select(table.c.uuid, table.c.name, table.c.host, owner.c.epoch).where(table.c.uuid.in_(uuids))
    rows = {row.uuid: row for row in connection.execute(query.outerjoin(owner, owner.c.name == table.c.name))}
    for uuid in uuids:
        if uuid not in rows:
            raise errors.Conflict("this instance is not recorded", uuid, "it was removed, or never placed")
        if rows[uuid].epoch != run.epoch:
            raise _elsewhere(rows[uuid].name, run, rows[uuid].epoch)
    running(connection, run)
    return {uuid: Subject(row.name, row.host) for uuid, row in rows.items()}


def names(connection: Connection, run: Run, wanted: Sequence[str]) -> None:
    """Raises LostOwnership unless the run owns all names."""
    owner = schema.ownership
    query = select(owner.c.name, owner.c.epoch).where(owner.c.name.in_(wanted))
    found = {row.name: row.epoch for row in connection.execute(query)}
    for name in wanted:
        if found.get(name) != run.epoch:
            raise _elsewhere(name, run, found.get(name))


def running(connection: Connection, run: Run) -> None:
    """Raises LostOwnership when the run was closed: by itself, or by one that took over from it."""
    table = schema.runs
    status = connection.execute(select(table.c.status).where(table.c.id == run.id, table.c.epoch == run.epoch)).scalar()
    if status != "running":
        raise _lost("this run is over", f"run {run.id} (epoch {run.epoch}) is recorded as {status or 'never begun'}")


def _close(connection: Connection, run: Run) -> None:
    table = schema.runs
    closing = update(table).where(table.c.id == run.id, table.c.status == "running")
    connection.execute(closing.values(status=run.status, recap=run.recap, finished_at=run.finished_at))
    connection.execute(delete(schema.ownership).where(schema.ownership.c.run == run.id))


def _held(row: Row[*tuple[object, ...]]) -> errors.LockHeld:
    who = f"{row.holder} runs '{row.verb}' on it since {row.started_at}"
    hint = "wait for it to end, or give --wait SECONDS"
    return errors.LockHeld(f"instance '{row.name}' is in other hands", "", who, hint)


def _elsewhere(name: str, run: Run, epoch: int | None) -> errors.LostOwnership:
    newer = epoch is not None and epoch > run.epoch
    why = f"epoch {run.epoch} < {epoch}" if newer else f"the run of epoch {run.epoch} did not ask for it"
    return _lost(f"instance '{name}' is not in this run's hands", why)


def _lost(what: str, why: str) -> errors.LostOwnership:
    return errors.LostOwnership(what, "", why, "nothing was written; `get runs` shows who took over")
