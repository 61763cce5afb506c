"""Which guests that are off are started again, when, and when no more."""

from __future__ import annotations

import pytest

from orchestrator.model.desired import RestartPolicy
from orchestrator.planning import restart
from orchestrator.planning.restart import Do

NOW = "2026-03-01T12:00:00.000Z"
CRASHES = ("crashed", "panicked", "failed", "daemon", "unknown", "a word of a later libvirt")
ELSEWHERE = ("saved", "migrated", "from snapshot")


@pytest.mark.parametrize("reason", CRASHES)
def test_what_crashed_is_restarted_at_once(reason: str) -> None:
    for condition in ("on-crash", "always"):
        assert restart.decide(RestartPolicy(condition), reason, (), NOW).do is Do.RESTART
    assert restart.decide(RestartPolicy("never"), reason, (), NOW).do is Do.STOPPED


@pytest.mark.parametrize("reason", ["shutdown", "destroyed"])
def test_what_ended_in_order_is_left_unless_it_is_always_to_run(reason: str) -> None:
    assert restart.decide(RestartPolicy(), reason, (), NOW).do is Do.STOPPED
    assert restart.decide(RestartPolicy("always"), reason, (), NOW).do is Do.RESTART


@pytest.mark.parametrize("reason", ELSEWHERE)
def test_what_goes_on_elsewhere_is_never_started(reason: str) -> None:
    for condition in ("on-crash", "always", "never"):
        assert restart.decide(RestartPolicy(condition), reason, (), NOW).do is Do.STOPPED


def test_restarts_come_later_and_later() -> None:
    policy = RestartPolicy(max_attempts=20)
    found = [restart.decide(policy, "crashed", (NOW,) * count, NOW).at for count in range(8)]
    clock = [f"2026-03-01T12:{each // 60:02}:{each % 60:02}.000Z" for each in (10, 20, 40, 80, 160, 300, 300)]
    assert found == ["", *clock]
    waited = restart.decide(policy, "crashed", ("2026-03-01T11:59:50.000Z",), NOW)
    assert (waited.do, waited.at) == (Do.RESTART, "")
    assert restart.decide(RestartPolicy(back_off=900), "crashed", (NOW, NOW), NOW).at == "2026-03-01T12:15:00.000Z"
    assert restart.decide(RestartPolicy(back_off=0), "crashed", (NOW,) * 4, NOW).do is Do.RESTART


def test_after_the_last_attempt_it_is_given_up_with_the_reason() -> None:
    known: tuple[str, ...] = ()
    for number in range(1, 6):
        assert restart.decide(RestartPolicy(back_off=0), "crashed", known, NOW).why == f"it crashed: restart {number} of 5"
        known = restart.remembered(RestartPolicy(), known, NOW)
    over = restart.decide(RestartPolicy(), "crashed", known, NOW)
    assert (over.do, over.why) == (Do.GIVE_UP, "it crashed, and was restarted 5 times within 8h: restart_policy allows no more")


def test_attempts_are_forgotten_after_the_window() -> None:
    policy = RestartPolicy(max_attempts=2, window=3600, back_off=0)
    old, young = "2026-03-01T11:00:00.000Z", "2026-03-01T11:00:00.001Z"
    assert restart.decide(policy, "crashed", (old, young), NOW).do is Do.RESTART
    assert restart.decide(policy, "crashed", (young, young), NOW).do is Do.GIVE_UP
    assert restart.remembered(policy, (old, young), NOW) == (young, NOW)


def test_a_clock_that_was_set_back_delays_nothing_for_days() -> None:
    later = "2026-03-09T12:00:00.000Z"
    verdict = restart.decide(RestartPolicy(), "crashed", (later,), NOW)
    assert (verdict.do, verdict.at) == (Do.WAIT, "2026-03-01T12:00:10.000Z")
    assert restart.remembered(RestartPolicy(), (later,), NOW) == (NOW, NOW)


@pytest.mark.parametrize(("seconds", "words"), [(28800, "8h"), (90, "90s"), (120, "2m"), (86400, "1d"), (90000, "25h")])
def test_windows_are_told_in_whole_units(seconds: int, words: str) -> None:
    assert restart.span(seconds) == words
