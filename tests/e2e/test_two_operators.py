"""Two operators, each with a home of their own, and one store in PostgreSQL: what one began, the other finishes."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import playbooks
from tests.e2e.conftest import Lab, Operator, environment
from tests.e2e.test_interrupted import one_effect_each, starts
from tests.store import server

KILLS = 3
PAIRS = 3


class Remote(Operator, frozen=True):
    """One who works from another machine: nothing is shared but the store's URL."""

    url: str = ""

    @property
    def environment(self) -> dict[str, str]:
        home = {name: str(self.folder / name.lower()) for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")}
        return environment(self.lab.root) | home | {"ORCHESTRATOR_STATE": self.url, "ORCHESTRATOR_INVENTORY": str(self.lab.inventory)}


@pytest.fixture
def operators(lab: Lab, tmp_path: Path) -> Iterator[tuple[Remote, Remote]]:
    url, folders = server.server().database(), (tmp_path / "first", tmp_path / "second")
    for folder in folders:
        folder.mkdir()
    first, second = (Remote(lab, folder, url) for folder in folders)
    yield first, second
    if names := list(second.instances()):
        second("destroy", "--yes", *names)


def test_what_one_began_and_did_not_finish_the_other_does(operators: tuple[Remote, Remote], halting_image: Path) -> None:
    first, second = operators
    hosts = ":".join(list(first.lab.hosts)[:2])
    play = first.playbook("site.yaml", playbooks.play(halting_image, 2, hosts=hosts))
    timed = time.monotonic()
    first("apply", play)
    whole = time.monotonic() - timed
    second("destroy", "--yes", "vm-1", "vm-2")
    chance = random.Random(20)
    for number in range(KILLS):
        before = starts(first)
        process = first.start("apply", play)
        time.sleep(chance.uniform(0.3 * whole, whole))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        second("apply", "--wait", "20", play)
        found = first.instances()
        assert {name: each["state"] for name, each in found.items()} == {"vm-1": "ACTIVE", "vm-2": "ACTIVE"}, number
        one_effect_each(first, before)
        assert "0 changed" in first("apply", play).stderr
        second("destroy", "--yes", "vm-1", "vm-2")


def test_of_two_at_once_one_is_told_who_the_other_is(operators: tuple[Remote, Remote], halting_image: Path) -> None:
    first, second = operators
    play = first.playbook("site.yaml", playbooks.play(halting_image, 1, hosts=next(iter(first.lab.hosts))))
    for _ in range(PAIRS):
        before = starts(first)
        pair = [operator.start("apply", play) for operator in operators]
        ends = [(process.communicate(timeout=120)[1], process.returncode) for process in pair]
        assert sorted(code for _, code in ends) in ([0, 0], [0, 75]), ends
        assert all(f"pid {pair[0].pid}" in text or f"pid {pair[1].pid}" in text for text, code in ends if code == 75), ends
        one_effect_each(first, before)
        second("destroy", "--yes", "vm-1")
    pair = [operator.start("apply", "--wait", "60", play) for operator in operators]
    ends = [(process.communicate(timeout=120)[1], process.returncode) for process in pair]
    assert [code for _, code in ends] == [0, 0], ends
    assert sorted("1 changed" in text for text, _ in ends) == [False, True]
    assert [each["state"] for each in second.instances().values()] == ["ACTIVE"]
