"""A plan as text: what, where and why; in full with every command and every file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

from orchestrator.commands import quoting
from orchestrator.commands.command import Action, Command, Upload
from orchestrator.model import decision as decisions
from orchestrator.model import names
from orchestrator.model.decision import Decision, Weight
from orchestrator.planning import changes, decide
from orchestrator.planning.changes import Edit
from orchestrator.planning.groundwork import SHARED
from orchestrator.planning.leg import Leg
from orchestrator.planning.plan import NOWHERE, UNREACHABLE, Change, Plan, StorageChange
from orchestrator.planning.rolling import Stage

SYMBOLS = {"create": "+", "destroy": "-", UNREACHABLE: "?", NOWHERE: "?", decide.NOTHING: " "}

FEW = 5
"""Hosts that were ruled out are told of one by one."""


def symbol(change: Change) -> str:
    """`+` made, `-` removed, `~` changed, `?` not known."""
    return SYMBOLS.get(change.verb, "~")


def lines(plan: Plan, whole: bool = False) -> Iterator[str]:
    """The plan: a block for each change, drift that is left alone, hosts that were not reached, the summary. `whole`: with all commands."""
    for each in plan.storage:
        yield from _storage(each, whole)
    for change in plan.changes:
        yield from _change(change, whole)
    for ground in plan.shared:
        yield f"~ host {ground.fabric.host}: what its instances share"
        if ground.problem:
            yield f"    cannot go on: {quoting.line(str(ground.problem))}"
        for leg in ground.legs:
            if leg.actions or whole:
                yield from _leg(leg, whole)
    yield from _stages(plan, whole)
    yield from _missing(plan)
    yield summary(plan)


def _change(change: Change, whole: bool) -> Iterator[str]:
    yield from (f"~ instance {change.name}: {quoting.line(each.told)}" for each in change.edits)
    if change.verb == NOWHERE:
        yield f"{symbol(change)} {change.name}: {NOWHERE}: {quoting.line(change.why)}"
    elif change.verb != decide.NOTHING:
        yield f"{symbol(change)} {change.name} on {change.host}: {change.verb}: {quoting.line(change.why)}"
        yield from _details(change, whole)
    elif change.notes:
        yield f"  {change.name} on {change.host}: left alone, though it differs"
        yield from (f"    {quoting.line(note)}" for note in change.notes)


def _stages(plan: Plan, whole: bool) -> Iterator[str]:
    """In what order, where there is one, and what comes after."""
    count = len(plan.stages) if plan.pending or plan.handlers else 0
    for number, each in enumerate(plan.stages[:count], 1):
        if count == 1 and not each.handlers:
            return
        play = f" ({quoting.line(each.play)})" if each.play else ""
        names = (", ".join(each.busy) if whole else decisions.listed(each.busy)) or "nothing to do"
        yield f"Batch {number} of {count}{play}: " + (f"any {each.size}, in another order with each run" if each.shuffled else names)
        for name, hosts in each.handlers.items():
            yield f"    handler {quoting.line(name)}: " + ("where it is notified" if each.shuffled else f"on {decisions.listed(hosts)}")


def stage(found: Stage) -> dict[str, object]:
    """A batch as plain data; None: another one with each run."""
    names, hosts = (None, None) if found.shuffled else (list(found.names), found.handlers)
    handlers = [{"name": name, "hosts": None if hosts is None else list(hosts[name])} for name in found.handlers]
    return {"play": found.play, "size": found.size, "instances": names, "handlers": handlers}


def _missing(plan: Plan) -> Iterator[str]:
    for host, why in plan.unreachable.items():
        yield f"? host {host}: not reached: {quoting.line(why)}"
    for lost in plan.lost.values():
        yield f"? volume {lost.volume.name} on {lost.volume.host}: {quoting.line(str(lost.problem))}"


def counts(plan: Plan) -> dict[str, int]:
    """How many instances would be created, changed, destroyed."""
    made = sum(change.verb == "create" for change in plan.pending)
    removed = sum(change.verb == "destroy" for change in plan.pending)
    return {"create": made, "change": len(plan.pending) - made - removed, "destroy": removed}


def summary(plan: Plan) -> str:
    """The last line."""
    if plan.empty:
        known = sum(change.verb == decide.NOTHING for change in plan.changes)
        return f"No changes: {known} of {len(plan.changes)} instances are as wanted."
    found = counts(plan)
    volumes = f", {len(plan.storage)} volumes to make or mend" if plan.storage else ""
    hosts = f", shared things of {len(plan.shared)} hosts" if plan.shared and not plan.pending else ""
    nowhere = f", {len(plan.unplaced)} that no host can take" if plan.unplaced else ""
    held = f", held back: {len(plan.withheld)}" if plan.withheld else ""
    run = f", handlers to run: {len(plan.handlers)}" if plan.handlers and not plan.pending else ""
    return f"Plan: {found['create']} to create, {found['change']} to change, {found['destroy']} to destroy{volumes}{hosts}{nowhere}{held}{run}."


def consent(edits: Sequence[Edit]) -> str:
    """The flag that would have those made that lack consent; "" when there are none."""
    needed = changes.needed(edits)
    return f"--allow {','.join(needed)}" if needed else ""


def edit(found: Edit) -> dict[str, object]:
    """A change of an instance that exists, as plain data; of what may be secret, neither value."""
    needs = changes.CONSENTS.get(found.kind) if found.held else None
    return {
        "field": found.field,
        "was": found.was or None,
        "will": found.will,
        "class": found.kind.value,
        "done": not found.held,
        "held": found.held or None,
        "allow": needs,
    }


def _storage(change: StorageChange, whole: bool) -> Iterator[str]:
    yield f"{SYMBOLS.get(change.verb, '~')} volume {change.name} on {change.host}: {change.verb}: {quoting.line(change.why)}"
    for action in change.actions if whole else ():
        yield from (f"    {line}" for line in _action(action))


def _details(change: Change, whole: bool) -> Iterator[str]:
    if change.decision:
        yield f"    placed there: {quoting.line(change.decision.why)}"
        yield from placement(change.decision, whole)
    if change.course is None:
        return
    if change.course.problem:
        yield f"    cannot go on: {quoting.line(str(change.course.problem))}"
    state = ""
    for leg in change.course.legs:
        if leg.shares == SHARED or not (leg.actions or whole):  # the groundwork is shown once, with its host
            continue
        if leg.state != state:
            state = leg.state
            yield f"    {state}"
        yield from _leg(leg, whole)


def placement(decision: Decision, whole: bool) -> Iterator[str]:
    """What is kept of a decision besides its reason: hosts that were ruled out, many of one kind in a line. `whole`: each by itself, and the
    weights that counted.
    """
    if decision.tried:
        yield f"      failed to build it: {', '.join(decision.tried)}"
    for each in decision.weights:
        if whole and each.weighted:
            yield f"      {weight(each)}"
    if whole and decision.alternates:
        yield f"      next best: {', '.join(decision.alternates)}"
    few = whole or len(decision.rejected) <= FEW
    for hosts, reason in [((host,), reason) for host, reason in decision.rejected.items()] if few else decisions.alike(decision.rejected):
        example = f" (on {hosts[0]})" if len({decision.rejected[host] for host in hosts}) > 1 else ""
        yield f"      not on {decisions.listed(hosts)}: {quoting.line(reason)}{example}"


def weight(found: Weight) -> str:
    """What a weigher gave a host: `RAMWeigher: 15424, normalised 0.98, times 1 = 0.98`."""
    raw, factor, counted = (number(each) for each in (found.raw, found.multiplier, found.weighted))
    return f"{found.weigher}: {raw}, normalised {found.normalised:.4g}, times {factor} = {counted}"


def number(value: float) -> str:
    """Whole numbers whole, others with a few digits."""
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.5g}"


def _leg(leg: Leg, whole: bool) -> Iterator[str]:
    yield f"      {names.step_within(leg.state, leg.step)}: {quoting.line(leg.why)}"
    if whole:
        for action in leg.actions:
            yield from (f"        {line}" for line in _action(action))


def _action(action: Action) -> Iterator[str]:
    """The command as the journal of the host will have it, and what it is given."""
    yield f"$ {quoting.line(action.shown())}"
    if isinstance(action, Upload):
        yield from content(action.content)
    elif isinstance(action, Command) and action.secret:
        yield f"  < the secret {action.secret}"
    elif isinstance(action, Command) and action.stdin:
        yield f"  < {len(action.stdin)} characters"


def content(data: bytes) -> Iterator[str]:
    """Text as it is, each line behind a bar; anything else by its checksum."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        yield f"  | {len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}"
    else:
        yield from (f"  | {quoting.line(line)}" for line in text.splitlines())


def steps(legs: Iterable[Leg]) -> Iterator[dict[str, object]]:
    """The steps that do something, as plain data."""
    for leg in legs:
        if leg.actions:
            yield {"state": leg.state, "step": leg.step, "why": leg.why, "commands": [action.shown() for action in leg.actions]}
