"""Explanations as text and as plain data: the chosen host and near ones first, hosts that are alike together; whole, every verdict and every weight."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from orchestrator.cli import objects
from orchestrator.commands import quoting
from orchestrator.model import decision as decisions

if TYPE_CHECKING:
    from orchestrator.scheduling.explain import Explanation, Judged
    from orchestrator.services.explain import Answer

NEAR = 5
"""Hosts that fit of which the weights are told one by one."""


def lines(answer: Answer, whole: bool) -> Iterator[str]:
    """What is to be said of one instance: why it is where it is, and what hosts say of it now."""
    from orchestrator.planning import show

    if answer.kept:
        yield f"{answer.name} is on {answer.host}: {quoting.line(answer.kept.why) or 'nobody noted why'}"
        yield from show.placement(answer.kept, whole)
    if answer.now:
        yield f"  now: {_verdict(answer.now)}" if answer.kept else f"{answer.name}: {_verdict(answer.now)}"
        yield from _hosts(answer.now, whole)


def displaced(answer: Answer, whole: bool) -> Iterator[str]:
    """Where an instance would go if its host were lost; hosts only where none can take it, or the whole is asked for."""
    if answer.now:
        yield f"{answer.name}{f' of {answer.host}' if answer.host else ''}: {_verdict(answer.now)}"
        yield from _hosts(answer.now, whole) if whole or not answer.fits else ()


def _verdict(now: Explanation) -> str:
    if now.decision:
        return f"would go to {now.decision.host}: {quoting.line(now.decision.why)}"
    if now.nearest is None:
        return "no host can take it: there is none to ask"
    return f"no host can take it; the smallest change is on {now.nearest.host}: {quoting.line(now.nearest.change)}"


def _hosts(now: Explanation, whole: bool) -> Iterator[str]:
    """The hosts, those that fit first."""
    from orchestrator.planning import show

    fit = [each for each in now.hosts if each.fits]
    told = _telling(fit)
    if whole:
        for each in now.hosts:
            yield from _one(each)
        return
    for each in fit[:NEAR]:
        counted = ", ".join(
            f"{one.weigher} {show.number(one.raw)} -> {one.normalised:.4g} x {show.number(one.multiplier)}"
            for one in each.weights
            if one.weigher in told
        )
        yield f"      {each.host}: weight {show.number(each.total)}" + (f" ({counted})" if counted else "")
    if fit[NEAR:]:
        yield f"      {decisions.listed([each.host for each in fit[NEAR:]])}: weight {show.number(fit[NEAR].total)} and less"
    for hosts in _alike([each for each in now.hosts if not each.fits]):
        first = hosts[0]
        why = "; ".join(quoting.line(verdict.why) for _, verdict in first.lacking)
        example = f" (on {first.host})" if any(each.lacking != first.lacking for each in hosts) else ""
        yield f"      not on {decisions.listed([each.host for each in hosts])}: {why}{example}"


def _telling(fit: Sequence[Judged]) -> set[str]:
    """The weighers that tell the hosts apart."""
    return {one.weigher for each in fit for one in each.weights if one.weighted} if len(fit) > 1 else set()


def _alike(hosts: Sequence[Judged]) -> list[list[Judged]]:
    """Hosts that the same filters rule out, together, in the order in which they first come."""
    found: dict[tuple[str, ...], list[Judged]] = {}
    for each in hosts:
        found.setdefault(tuple(name for name, _ in each.lacking), []).append(each)
    return list(found.values())


def _one(judged: Judged) -> Iterator[str]:
    """A host with every verdict and every weight."""
    from orchestrator.planning import show

    yield f"      {judged.host}: " + (
        f"weight {show.number(judged.total)}" if judged.fits else f"does not fit; it would with: {quoting.line(judged.change)}"
    )
    for name, verdict in judged.verdicts:
        why = verdict.why.removeprefix(f"{name}: ")
        yield f"        {'passes' if verdict.fits else 'FAILS '} {name}: {quoting.line(why)}"
    for each in judged.weights:
        yield f"        {show.weight(each)}"


def document(answer: Answer) -> dict[str, object]:
    """The answer for programs."""
    return {
        "name": answer.name,
        "host": answer.host or None,
        "decision": answer.kept.why if answer.kept else None,
        "placement": objects.placement(answer.kept) if answer.kept else None,
        "fits": answer.fits,
        "now": _now(answer.now) if answer.now else None,
    }


def _now(now: Explanation) -> dict[str, object]:
    nearest = {"host": now.nearest.host, "change": now.nearest.change} if now.nearest else None
    return {
        "chosen": now.decision.host if now.decision else None,
        "why": now.decision.why if now.decision else None,
        "alternates": list(now.decision.alternates) if now.decision else [],
        "smallest_change": nearest,
        "hosts": [
            {
                "name": each.host,
                "fits": each.fits,
                "weight": each.total if each.fits else None,
                "change": each.change or None,
                "verdicts": [{"filter": name, **msgspec.to_builtins(verdict)} for name, verdict in each.verdicts],
                "weights": [{**msgspec.to_builtins(one), "weighted": one.weighted} for one in each.weights],
            }
            for each in now.hosts
        ],
    }
