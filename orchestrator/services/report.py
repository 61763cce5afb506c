"""What a run came to."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from orchestrator.engine.context import Outcome
from orchestrator.planning.changes import Edit

EXIT_CODES = {"unreachable": 4, "unknown": 4, "failed": 3, "locked": 75, "pending": 130}
"""By the worst status, in this order."""


class Report(Struct, frozen=True):
    """The end of a run: an outcome per instance (status `unchanged` too), hosts that could not be asked, round trips per host.

    `withheld`: by instance, what the playbook says otherwise of it and was not done. `hosts`: what became of what instances share, where that was changed.
    `ended`: why not all batches were begun.
    `left`: by instance, why nothing was to be done to it.
    """

    run: str
    outcomes: tuple[Outcome, ...]
    unreachable: Mapping[str, str] = field(default_factory=dict)
    trips: Mapping[str, int] = field(default_factory=dict)
    notes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    withheld: Mapping[str, tuple[Edit, ...]] = field(default_factory=dict)
    hosts: tuple[Outcome, ...] = ()
    ended: str = ""
    left: Mapping[str, str] = field(default_factory=dict)

    def count(self, status: str) -> int:
        """How many instances ended with the status."""
        return sum(outcome.status == status for outcome in self.outcomes)

    @property
    def exit_code(self) -> int:
        if self.unreachable:
            return EXIT_CODES["unreachable"]
        found = {outcome.status for outcome in (*self.outcomes, *self.hosts)}
        return next((code for status, code in EXIT_CODES.items() if status in found), 0)

    @property
    def recap(self) -> str:
        """`2 changed, 1 unchanged, 0 failed`, and what else there is."""
        always = [f"{self.count(status)} {status}" for status in ("changed", "unchanged", "failed")]
        more = [f"{self.count(status)} {status}" for status in ("unknown", "unreachable", "locked", "pending") if self.count(status)]
        wired = [outcome.host for outcome in self.hosts if outcome.status == "changed" and not self.count("changed")]
        left = [outcome.host for outcome in self.hosts if outcome.status == "pending"]
        more += [f"handlers pending on {', '.join(sorted(left))}"] if left else []
        return ", ".join(always + more + ([f"shared things changed on {', '.join(sorted(wired))}"] if wired else []))
