"""Ours gives the hosts that the real Nova gives, in its order: the same verdict of each filter on each host, the same weights of each weigher.

The cases and Nova's answers are data, made by `make differential`. Where ours differs on purpose, differences.md says why.
"""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.model import errors
from orchestrator.model.instance import Instance
from orchestrator.model.scheduler import Options
from orchestrator.scheduling import filters, pick, rooms, weighers
from tests.differential import ours

CASES = Path(__file__).parent / "cases"
TOPICS = sorted(each.stem for each in CASES.glob("*.json"))
SHOWN = 3
NO_IMAGE = "NUMATopologyFilter"
"""Nova ends with an error for a request without an image; ours does not (differences.md)."""
SOME_NUMBERS = "AggregateInstanceExtraSpecsFilter"
"""Of values of which some are no numbers, Nova ends with an error or not by chance; with us, one that matches is enough (differences.md)."""


@functools.cache
def cases(topic: str) -> tuple[dict[str, Any], ...]:
    return tuple(map(json.loads, (CASES / f"{topic}.json").read_text().splitlines()))


def differing(topic: str, told: Callable[[dict[str, Any]], list[str]]) -> str:
    """What differs, with the first few cases whole."""
    found = [(case, lines) for case in cases(topic) if (lines := told(case))]
    lines = [line for _, each in found for line in each]
    shown = [json.dumps({word: value for word, value in case.items() if word != "nova"}) for case, _ in found[:SHOWN]]
    return "\n".join([f"{len(found)} of {len(cases(topic))} cases", *lines[:40], *shown]) if found else ""


@functools.cache
def by_name(name: str) -> rooms.Filter:
    wanted = ours.CLAIMS.get(name)
    chosen = rooms.filters_of(Options(enabled_filters=() if wanted else (name,)))
    return next(each for each in chosen if (wanted or name) == each.NAME)


def verdicts(case: dict[str, Any]) -> list[str]:
    asked = ours.question(case)
    lines = []
    for name, nova in case["nova"]["filters"].items():
        each = by_name(name)
        own = "".join("01"[each.judge(state, asked.request, asked.options).fits] for state in asked.states)
        if not all(map(functools.partial(agree, name), own, nova)):
            lines.append(f"{name}: ours {own}, Nova {nova}")
    return lines


def agree(name: str, own: str, nova: str) -> bool:
    """Where Nova ends with an error, a host of ours does not fit."""
    return own == nova if nova != "E" else own == {NO_IMAGE: "1", SOME_NUMBERS: own}.get(name, "0")


def weights(case: dict[str, Any]) -> list[str]:
    nova = case["nova"]["weights"]
    asked = ours.question(case)
    if isinstance(nova, str):
        return refused(
            lambda: [
                pick.value(state, each, asked.request, asked.options) for each in rooms.weighers_of(asked.options) for state in asked.states
            ]
        )
    lines = []
    for each in rooms.weighers_of(asked.options):
        raw = [pick.value(state, each, asked.request, asked.options) for state in asked.states]
        normal = pick.normalised(raw, each) or [0.0] * len(raw)
        factors = [pick.multiplier(state, each, asked.options) for state in asked.states]
        for word, own, theirs in zip(("raw", "normalised", "multiplier"), (raw, normal, factors), nova[each.NAME], strict=True):
            expected = theirs if isinstance(theirs, list) else [theirs] * len(own)
            if own != pytest.approx(expected, rel=1e-12, abs=1e-12):
                lines.append(f"{each.NAME} {word}: ours {own}, Nova {expected}")
    return lines


def refused(ask: Callable[[], object]) -> list[str]:
    """Where Nova ends with an error of the configuration, ours says what is wrong with it."""
    try:
        return [f"ours {ask()}, Nova refuses"]
    except errors.Conflict:
        return []


def order(case: dict[str, Any]) -> list[str]:
    nova = case["nova"]["order"]
    asked = ours.question(case)
    if nova == "ComputeHostMetricNotFound":
        return refused(lambda: chosen(asked))
    if len(nova) == 1 and case["nova"]["weights"] == "ComputeHostMetricNotFound":  # one host alone, which Nova does not weigh
        with contextlib.suppress(errors.Conflict):
            assert chosen(asked) == nova
        return []
    own = chosen(asked)
    if isinstance(nova, str):  # a requirement that cannot be compared: the hosts of which nothing is wrong are left
        verdicts = [case["nova"]["filters"][name] for name in (*ours.CLAIMS, *case["filters"]) if name != SOME_NUMBERS]
        left = {state.host.name for state, *found in zip(asked.states, *verdicts, strict=True) if set(found) == {"1"}}
        return [f"ours {own}, Nova {left} at most"] if set(own) - left else []
    return [f"ours {own}, Nova {nova}"] if own != nova else []


def chosen(asked: ours.Question) -> list[str]:
    """The hosts that are left, the best first."""
    try:
        decision = pick.Fleet(asked.states, asked.options).pick(asked.request)
    except errors.NoValidHost:
        return []
    return [decision.host, *decision.alternates]


@pytest.mark.parametrize("topic", TOPICS)
def test_each_filter_passes_the_hosts_that_novas_passes(topic: str) -> None:
    assert not differing(topic, verdicts)


@pytest.mark.parametrize("topic", TOPICS)
def test_each_weigher_gives_the_weights_that_novas_gives(topic: str) -> None:
    assert not differing(topic, weights)


@pytest.mark.parametrize("topic", TOPICS)
def test_the_hosts_that_are_left_are_in_novas_order(topic: str) -> None:
    assert not differing(topic, order)


def placed(case: dict[str, Any]) -> list[str]:
    nova = case["nova"].get("placed", [])
    asked = ours.question(case)
    fleet = pick.Fleet(asked.states, asked.options)
    there: list[Instance | None] = []
    for number in range(len(nova)):
        wish = ours.next_request(asked.request, number, there)
        try:
            host = fleet.pick(wish).host
        except errors.NoValidHost:
            there.append(None)
        else:
            made = ours.instance(wish, fleet.state(host))
            fleet.claim(made)
            there.append(made)
    own = [ours.seat(each) if each else None for each in there]
    return [f"ours {own}, Nova {nova}"] if own != nova else []


@pytest.mark.parametrize("topic", [topic for topic in TOPICS if topic.startswith("many")])
def test_instances_one_after_the_other_go_where_nova_puts_them(topic: str) -> None:
    assert not differing(topic, placed)


def test_the_cases_are_many_and_every_filter_and_weigher_tells_hosts_apart_in_them() -> None:
    known = [case for topic in TOPICS for case in cases(topic)]
    assert len(known) >= 1000
    seen = {name: set("".join(case["nova"]["filters"][name] for case in known)) for name in known[0]["nova"]["filters"]}
    assert set(seen) == {*rooms.names(filters), *ours.CLAIMS}
    assert {name for name, found in seen.items() if not {"0", "1"} <= found} == {"AllHostsFilter"}
    weighed = [case["nova"]["weights"] for case in known if isinstance(case["nova"]["weights"], dict)]
    assert {name for found in weighed for name, (_, normalised, _) in found.items() if isinstance(normalised, list)} == {
        *rooms.names(weighers)
    }
