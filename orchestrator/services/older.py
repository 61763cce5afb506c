"""A store that is older than its hosts: restored from a backup, or a server that lost its last commits. It would do again what was done.

Each host keeps the name of the newest job of a store (facts/compute.py). The store has the intent of every job before that is sent, for ever: so one
that it does not know was begun by a newer copy of it. Epochs alone would not tell: each refused run has the next one, until they are high enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from orchestrator.facts import compute
from orchestrator.facts.gather import Key
from orchestrator.model import errors
from orchestrator.ports.store import Run, Store
from orchestrator.ports.writes import Intent, Outlive, Settle, Write


def refuse(store: Store, seen: Mapping[str, Mapping[Key, object]]) -> None:
    """Raises StaleStore when one of the hosts, whose facts these are, has done a job for the store of which the store does not know."""
    unknown = {host: mark for host, facts in seen.items() if (mark := newest(store, facts)) is not None}
    if not unknown:
        return
    host = max(unknown, key=lambda name: unknown[name].epoch)
    raise errors.StaleStore(
        f"this store is older than what host {host} has seen",
        host,
        f"a run of epoch {unknown[host].epoch} worked there, of which the store (epoch {store.epoch()}) does not know: restored from a backup?",
        f"put the newer store in its place; without one, `orchestrator adopt {host}` takes in what this one forgot; nothing was changed",
    )


def newest(store: Store, facts: Mapping[Key, object]) -> compute.Newest | None:
    """The newest job that the store had done on a host, by the host's facts, when the store does not know of it."""
    for fact in facts.values():
        if isinstance(fact, compute.Compute):
            marks: Iterable[compute.Newest] = fact.newest
            return next((mark for mark in marks if mark.store == store.lineage and mark.job and not store.knows(mark.job)), None)
    return None


def accepted(host: str, run: Run, mark: compute.Newest) -> tuple[Write, ...]:
    """What makes the store go on from there, once all that it forgot of the host is recorded: the job is known, and later runs have higher epochs."""
    return Intent(mark.job, host, ()), Settle(mark.job, "observed"), Outlive(max(mark.epoch, run.epoch))
