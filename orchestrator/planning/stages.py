"""What a plan does over time: its batches one after the other, and the handlers that follow each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from orchestrator.model.desired import Desired, Handler
from orchestrator.planning import rolling
from orchestrator.planning.plan import Change
from orchestrator.planning.rolling import Batch, Stage

Left = Iterable[tuple[str, str, tuple[str, ...]]]
"""Of handlers that an earlier run left: host, handler's name, instances that notified it."""


def foreseen(desired: Desired, changes: Sequence[Change], left: Left = ()) -> tuple[Stage, ...]:
    """Of all batches, as a run that meets no failure works them off."""
    batches, found = rolling.batches(desired, ""), {change.name: change for change in changes}
    many = [batch.play for batch in batches if sum(other.play is batch.play for other in batches) > 1]
    left = tuple(left)
    return tuple(_stage(desired, batch, found, left, batch.play.order == "shuffle" and batch.play in many) for batch in batches)


def _stage(desired: Desired, batch: Batch, changes: Mapping[str, Change], left: Left, shuffled: bool) -> Stage:
    busy = tuple(name for name in batch.names if name in changes and changes[name].course)
    hosts = {handler.name: _hosts(desired, batch, handler, [changes[name] for name in busy], left) for handler in batch.play.handlers}
    due = {name: found for name, found in hosts.items() if found}
    if shuffled:
        return Stage(batch.play.name, len(batch.names), (), (), dict.fromkeys(hosts, ()), True)
    return Stage(batch.play.name, len(batch.names), batch.names, busy, due)


def _hosts(desired: Desired, batch: Batch, handler: Handler, busy: Sequence[Change], left: Left) -> tuple[str, ...]:
    """Where the handler is to be run: on hosts of instances that notify it, and where an earlier run left it."""
    told = [change for change in busy if handler.name in desired.instances[change.name].notify]
    own = [change.host for change in told if change.course and not change.course.problem]
    mine = set(batch.names)
    own += [host for host, name, instances in left if name == handler.name and mine & set(instances)]
    found = tuple(dict.fromkeys(own))
    return found[:1] if handler.run_once else found
