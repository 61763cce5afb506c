"""`--limit @failed`: what the last run that came to its end left undone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from orchestrator.model import errors

if TYPE_CHECKING:
    from orchestrator.cli.wiring import Wiring

LIMIT = "@failed"
STATUSES = ("failed", "unknown", "unreachable", "locked", "pending")


class Unfinished(Struct, frozen=True):
    """Instances by name, and hosts whose instances count with them."""

    names: frozenset[str]
    hosts: frozenset[str]

    def has(self, name: str, host: str | None) -> bool:
        """Whether the instance, on that host, is one of them."""
        return name in self.names or host in self.hosts


def find(wiring: Wiring) -> Unfinished | None:
    """What --limit @failed stands for; None when it was not given. Raises NotFound when there is no such run, or it left nothing undone."""
    if wiring.settings.limit != LIMIT:
        return None
    for run in wiring.store.runs():
        outcomes = wiring.store.outcomes(run.id)
        if outcomes is None:  # under way, or killed: nobody knows
            continue
        left = [outcome for outcome in outcomes if outcome.status in STATUSES]
        if not left:
            why = f"the last run that came to its end ({run.verb}, {run.started_at}) left nothing undone"
            raise errors.NotFound(f"--limit {LIMIT} leaves nothing", why=why, hint="see `orchestrator get runs`")
        names = frozenset(outcome.name for outcome in left if outcome.name)
        return Unfinished(names, frozenset(outcome.host for outcome in left if not outcome.name))
    raise errors.NotFound(f"--limit {LIMIT} leaves nothing", why="no run has come to its end yet")
