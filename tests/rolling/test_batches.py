"""Batches on the in-memory fleet: what is begun, what is left, what the exit code says, and that one bad host is nobody else's trouble."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from orchestrator import store as stores
from orchestrator.commands.command import Batch, Record
from orchestrator.engine.context import Progress
from orchestrator.model.desired import Desired, Play
from orchestrator.model.host import Host, Inventory
from orchestrator.services import apply
from orchestrator.services.app import App
from orchestrator.services.report import Report
from tests.crash.harness import Ids
from tests.fakes.host import FakeFleet
from tests.rolling import generate
from tests.rolling.test_rules import CASES, desired, ours
from tests.scenarios.conftest import Patient, Site

START = "virsh -q -c qemu:///system start"


@pytest.fixture
def six(tmp_path: Path) -> Iterator[Site]:
    """Hosts h1 to h7, each for the one instance of its name."""
    image = tmp_path / "guest.raw"
    image.write_bytes(bytes(1024))
    fleet = FakeFleet([*generate.HOSTS, "h7"])
    clock = Patient()
    store = stores.open(f"sqlite:///{tmp_path}/state.db", clock, Ids())
    hosts = {name: Host(name, name, virt_type="qemu", physical_networks={"phys0": "br-phys0"}) for name in fleet.hosts}
    yield Site(fleet, store, App(Inventory(hosts, {"all": tuple(hosts)}), fleet, store, clock), image)
    store.close()


def wished(site: Site, case: dict[str, Any]) -> Desired:
    """The case's plays, with an instance of each host's name for that host."""
    made = site.desired(*desired(case).instances)
    wishes = {name: replace(wish, hosts=(name,), play=desired(case).instances[name].play) for name, wish in made.instances.items()}
    return replace(made, instances=wishes, plays=desired(case).plays)


def begun(report: Report) -> set[str]:
    return {outcome.name for outcome in report.outcomes if outcome.status != "pending"}


CHOSEN = [case for case in CASES if case["serial"] == 2 and case.get("max_fail_percentage") in (None, 49, 50)]


@pytest.mark.parametrize("case", CHOSEN, ids=lambda case: json.dumps({key: case[key] for key in case if key not in ("batches", "later")}))
def test_as_ansible(six: Site, case: dict[str, Any]) -> None:
    for name in case["failed"]:
        six.fleet.fail(name, START, stderr="error: no memory")
    order: list[str] = []
    down = set(case["unreachable"])

    def note(progress: Progress) -> None:
        order.append(progress.name) if progress.name and progress.name not in order else None

    lost = _Lost(six.fleet, down)
    report = apply.apply(replace(six.app, transport=lost, report=note), wished(six, case))
    batches, later = ours(case)
    expected = {name for batch in batches for name in batch} | ({"h7"} if later else set())
    assert begun(report) == expected
    position = {name: number for number, batch in enumerate([*batches, ["h7"]]) for name in batch}
    places = [position[name] for name in order]
    assert places == sorted(places)  # nothing of a batch before all of the one before it has ended
    assert report.exit_code == (4 if down & expected else 3 if set(case["failed"]) & expected else 0)
    assert {name for name in expected if six.record(name).state == "ACTIVE"} == expected - down - set(case["failed"])


class _Lost:
    """A fleet some of whose hosts are gone by the time that something is to be done there."""

    def __init__(self, fleet: FakeFleet, gone: set[str]) -> None:
        self._fleet, self._gone = fleet, gone
        self.trips, self.close = fleet.trips, fleet.close

    def run(self, host: Host, batch: Batch, on_record: Callable[[Record], None]) -> tuple[Record, ...]:
        if host.name in self._gone and batch.lanes:
            self._fleet.unreachable(host.name)
        return self._fleet.run(host, batch, on_record)


def test_a_host_that_is_down_counts_as_not_reached_and_is_asked_once(six: Site) -> None:
    six.fleet.unreachable("h3")
    report = apply.apply(six.app, wished(six, {"serial": 2, "any_errors_fatal": True, "failed": [], "unreachable": []}))
    assert begun(report) == {"h1", "h2", "h3", "h4"}
    assert (report.exit_code, report.ended) == (4, "any_errors_fatal")
    six.fleet.heal("h3")
    again = apply.apply(six.app, wished(six, {"serial": 2, "any_errors_fatal": True, "failed": [], "unreachable": []}))
    assert again.recap == "4 changed, 3 unchanged, 0 failed"


def test_the_same_command_goes_on_where_it_ended(six: Site) -> None:
    six.fleet.fail("h2", START, stderr="error: no memory")
    case = {"serial": [1, 2], "max_fail_percentage": 0, "failed": [], "unreachable": []}
    report = apply.apply(six.app, wished(six, case))
    assert report.recap == "2 changed, 0 unchanged, 1 failed, 4 pending"
    assert report.ended == "more than max_fail_percentage 0"
    six.fleet.heal("h2")
    assert apply.apply(six.app, wished(six, case)).recap == "5 changed, 2 unchanged, 0 failed"
    trips = {name: host.trips for name, host in six.fleet.hosts.items()}
    assert apply.apply(six.app, wished(six, case)).recap == "0 changed, 7 unchanged, 0 failed"
    assert {name: host.trips - trips[name] for name, host in six.fleet.hosts.items()} == dict.fromkeys(trips, 1)


def test_what_is_to_be_absent_goes_with_its_batch(six: Site) -> None:
    case = {"serial": 2, "failed": [], "unreachable": []}
    apply.apply(six.app, wished(six, case))
    gone = wished(six, case)
    gone = replace(gone, instances={name: replace(wish, state="absent") for name, wish in gone.instances.items()})
    there: list[int] = []

    def count(progress: Progress) -> None:
        if progress.state == "deleting" and not progress.step:
            there.append(len(six.store.records()))

    assert apply.apply(replace(six.app, report=count), gone).recap == "7 changed, 0 unchanged, 0 failed"
    assert (there[0], there[2], there[4]) == (7, 5, 3)  # the second of a batch may see the first one gone
    assert six.store.records() == ()


def test_throttle_bounds_the_hosts_at_work(six: Site) -> None:
    made = wished(six, {"serial": None, "failed": [], "unreachable": []})
    made = replace(made, plays=(Play(throttle=2), Play()))
    most = _Counting(six.fleet)
    assert apply.apply(replace(six.app, transport=most), made).exit_code == 0
    assert most.most <= 2


class _Counting:
    """A fleet that counts how many of its hosts do something at once."""

    def __init__(self, fleet: FakeFleet) -> None:
        self._fleet, self._lock = fleet, threading.Lock()
        self.now = self.most = 0
        self.trips, self.close = fleet.trips, fleet.close

    def run(self, host: Host, batch: Batch, on_record: Callable[[Record], None]) -> tuple[Record, ...]:
        with self._lock:
            self.now += bool(batch.lanes)
            self.most = max(self.most, self.now)
        try:
            return self._fleet.run(host, batch, on_record)
        finally:
            with self._lock:
                self.now -= bool(batch.lanes)


def test_a_silent_host_holds_nobody_else_up(six: Site) -> None:
    """More hosts than forks, one of them silent: all others have ended while it still is."""
    made = wished(six, {"serial": None, "failed": [], "unreachable": []})
    made = replace(made, plays=(Play(),) * 2)
    silent = _Silent(six.fleet, "h1", others=6)
    report = apply.apply(replace(six.app, transport=silent, forks=2), made)
    assert silent.alone
    assert report.count("changed") == 7


class _Silent:
    """A fleet with a host that says nothing until all `others` have ended, or for ever."""

    def __init__(self, fleet: FakeFleet, host: str, others: int) -> None:
        self._fleet, self._host, self._left = fleet, host, others
        self._lock, self._over = threading.Lock(), threading.Event()
        self.alone = False
        self.trips, self.close = fleet.trips, fleet.close

    def run(self, host: Host, batch: Batch, on_record: Callable[[Record], None]) -> tuple[Record, ...]:
        if not batch.lanes:
            return self._fleet.run(host, batch, on_record)
        if host.name == self._host:
            self.alone = self._over.wait(60)
            return self._fleet.run(host, batch, on_record)
        found = self._fleet.run(host, batch, on_record)
        with self._lock:
            self._left -= 1
            if not self._left:
                self._over.set()
        return found
