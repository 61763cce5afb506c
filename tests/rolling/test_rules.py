"""The batches and the ends of runs, as ansible-core has them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.model.desired import Desired, InstanceRequest, Play
from orchestrator.planning import rolling
from tests.rolling import generate

CASES: list[dict[str, Any]] = json.loads(generate.DATA.read_text())["cases"]


def ours(case: dict[str, Any]) -> tuple[list[list[str]], bool]:
    """The batches that are begun, and whether the play after them is."""
    found = rolling.batches(desired(case), "")
    begun = []
    for batch in found[:-1]:
        begun.append(list(batch.names))
        failed, unreachable = (len(set(batch.names) & set(case[kind])) for kind in ("failed", "unreachable"))
        if rolling.ends(batch.play, len(batch.names), failed, unreachable):
            return begun, False
    return begun, True


def desired(case: dict[str, Any]) -> Desired:
    """The six, with the words of the case, and one more in a play of its own."""
    serial = case["serial"] if isinstance(case["serial"], list) else [case["serial"]] if case["serial"] is not None else []
    play = Play("rolling", tuple(map(str, serial)), case.get("max_fail_percentage"), case.get("any_errors_fatal", False), throttle=9)
    wishes = [InstanceRequest(name, "", "", (name,), play=0) for name in generate.HOSTS]
    wishes.append(InstanceRequest("h7", "", "", ("h7",), play=1))
    return Desired(instances={wish.name: wish for wish in wishes}, plays=(play, Play("later")))


def differs(case: dict[str, Any]) -> bool:
    """On purpose: ansible-core counts hosts that were not reached twice once it has marked all hosts of the batch as failed, and so goes on."""
    marked = case.get("any_errors_fatal") or case.get("max_fail_percentage") is not None
    return bool(marked and case["unreachable"] and any("unreachable" in batch.values() for batch in case["batches"]))


@pytest.mark.parametrize(
    "case", CASES, ids=lambda case: json.dumps({key: case[key] for key in case if key not in ("batches", "later", "exit_code")})
)
def test_batches_and_ends(case: dict[str, Any]) -> None:
    theirs = [sorted(batch) for batch in case["batches"]], case["later"]
    if theirs != ours(case):
        assert differs(case)
        assert ours(case)[0] == theirs[0][: len(ours(case)[0])]  # never later than they
        assert not ours(case)[1]


def test_most_cases_are_the_same() -> None:
    assert sum(([sorted(batch) for batch in case["batches"]], case["later"]) == ours(case) for case in CASES) >= 130


def test_plays_that_say_nothing_are_one_with_their_neighbours() -> None:
    plays = (Play("a"), Play("b", order="sorted"), Play("c", throttle=1), Play("d"), Play("e"))
    wishes = [InstanceRequest(f"{play.name}{number}", "", "", (), play=index) for index, play in enumerate(plays) for number in (2, 1)]
    found = rolling.batches(Desired(instances={wish.name: wish for wish in wishes}, plays=plays), "")
    assert [batch.names for batch in found] == [("a2", "a1", "b2", "b1"), ("c2", "c1"), ("d2", "d1", "e2", "e1")]


@pytest.mark.parametrize(
    ("order", "names"),
    [
        ("inventory", ["b", "c", "a"]),
        ("reverse_inventory", ["a", "c", "b"]),
        ("sorted", ["a", "b", "c"]),
        ("reverse_sorted", ["c", "b", "a"]),
    ],
)
def test_orders(order: str, names: list[str]) -> None:
    assert ordered(order, "") == names


def test_shuffled_the_same_with_the_same_run_only() -> None:
    assert ordered("shuffle", "run 1") == ordered("shuffle", "run 1")
    assert len({tuple(ordered("shuffle", f"run {number}")) for number in range(20)}) > 1


def ordered(order: str, seed: str) -> list[str]:
    """Names of the batches of one."""
    wishes = {name: InstanceRequest(name, "", "", ()) for name in "bca"}
    found = rolling.batches(Desired(instances=wishes, plays=(Play(serial=("1",), order=order),)), seed)
    return [name for batch in found for name in batch.names]
