"""What a plan does for each instance does not grow with how many there are."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable
from types import FrameType

import pytest

from tests.scale import world

HERE = ("orchestrator/", "states/")


def lines(work: Callable[[], None]) -> Counter[str]:
    """Lines of ours that were run, by function: rounds of a loop count, whatever is called in them. Unlike seconds, the same on any machine."""
    found: Counter[str] = Counter()

    def trace(frame: FrameType, event: str, argument: object) -> Callable[..., object] | None:
        name = frame.f_code.co_filename
        if not any(place in name for place in HERE):
            return None
        where = f"{name}:{frame.f_code.co_name}"

        def count(frame: FrameType, event: str, argument: object) -> Callable[..., object]:
            found[where] += 1
            return count

        return count(frame, event, argument)  # type: ignore[return-value]

    threading.settrace(trace)
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]
    return found


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Counter[str]]:
    """Of plans over so many hosts with four instances each."""
    found = {}
    for hosts in (1, 10, 50):  # what is done once in a process, with the first
        folder = tmp_path_factory.mktemp(f"hosts-{hosts}")
        world.make(folder, hosts, 4)
        known = world.known(folder, hosts, 4)
        found[hosts] = lines(known.plan)
        known.close()
    return found


def test_an_instance_costs_the_same_among_many(counted: dict[int, Counter[str]]) -> None:
    few, many = counted[10].total() / 40, counted[50].total() / 200
    assert many < 1.05 * few


def test_nothing_is_done_for_each_instance_on_each_host(counted: dict[int, Counter[str]]) -> None:
    grown = {name: (few, counted[50][name]) for name, few in counted[10].items() if counted[50][name] > 7 * few}
    assert grown == {}
