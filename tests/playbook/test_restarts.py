"""What plays and instances say of guests that end though they are to run."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestrator.model import desired, errors
from orchestrator.model.desired import RestartPolicy

Load = Callable[..., desired.Desired]

HEAD = """
- flavors: [{name: m1, vcpus: 1, ram: 512, disk: 5}]
  images: [{name: debian, source: disk.qcow2}]
"""
PLAYS = """
- hosts: compute
  restart_policy: {condition: always, max_attempts: 3, window: 2h, back_off: 90}
  instances:
    - {name: web, flavor: m1, image: debian}
    - {name: batch, flavor: m1, image: debian, restart_policy: {condition: never}}
- hosts: compute
  vars: {minutes: 2}
  instances:
    - {name: db, flavor: m1, image: debian}
    - {name: log, flavor: m1, image: debian, restart_policy: {back_off: "{{ minutes }}m", window: 1 d}}
"""


def test_an_instance_s_own_stands_for_its_play_s(load: Load) -> None:
    found = {name: wish.restart_policy for name, wish in load(HEAD + PLAYS).instances.items()}
    assert found == {
        "web": RestartPolicy("always", 3, 7200, 90),
        "batch": RestartPolicy("never"),
        "db": RestartPolicy("on-crash", 5, 28800, 10),
        "log": RestartPolicy("on-crash", 5, 86400, 120),
    }


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("{condition: on-failure}", "'on-crash', 'always' or 'never'"),
        ("{max_attempts: 0}", "must be 1 to 1000"),
        ("{window: 8 hours}", "such as 30, 10s or 8h"),
        ("{window: 0}", "must be 1 to 2678400 seconds"),
        ("{window: 40d}", "must be 1 to 2678400 seconds"),
        ("{back_off: -1}", "such as 30, 10s or 8h"),
        ("{back_off: 1.5h}", "such as 30, 10s or 8h"),
        ("{delay: 10s}", "delay"),
    ],
)
def test_what_is_no_policy_is_refused_where_it_stands(load: Load, said: str, why: str) -> None:
    play = f"- {{hosts: compute, restart_policy: {said}, instances: [{{name: web, flavor: m1, image: debian}}]}}"
    with pytest.raises(errors.OrchestratorError, match=why) as problem:
        load(HEAD + play)
    assert "yaml:4:" in str(problem.value)
