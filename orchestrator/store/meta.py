"""What the store is, and how far it has counted."""

from __future__ import annotations

from orchestrator.model import errors
from orchestrator.ports import writes
from orchestrator.store import session
from orchestrator.store.session import Session


def write(db: Session, one: writes.Outlive | writes.Inherit) -> None:
    """Raises Conflict when the store has something of its own, and is to be another one."""
    if isinstance(one, writes.Outlive):
        db.execute("UPDATE meta SET epoch = ? WHERE epoch < ?", (one.epoch, one.epoch))
        return
    known, number, volume = db.execute("SELECT lineage, next_number, next_volume FROM meta").fetchone()
    own = [table for table in ("instances", "volumes") if session.first(db, f"SELECT count(*) FROM {table}")]  # noqa: S608  # ours
    if known != one.lineage and (own or (number, volume) != (1, 1)):
        why = f"it has had {' and '.join(own) or 'instances or volumes'} of its own"
        raise errors.Conflict("this store cannot go on where another left off", one.lineage, why, "name an empty one with --state")
    values = {"lineage": one.lineage, "next_number": max(number, one.next_number), "next_volume": max(volume, one.next_volume)}
    session.update(db, "meta", values, lineage=known)
