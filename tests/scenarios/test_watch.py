"""A watch over hosts in memory: what wakes it, what its policy lets it do, what it tells, and that it does nothing twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest
from msgspec.structs import replace

from orchestrator.model.host import Host
from orchestrator.ports.events import Heard
from orchestrator.ports.writes import Move
from orchestrator.services import mend, watch
from tests.crash.harness import Clock
from tests.scenarios.conftest import Site

PATIENCE = 30  # s; nothing here takes one


class Bells:
    """Events that a test rings. `deaf`: as where libvirt-python is not installed."""

    def __init__(self, deaf: bool = False) -> None:
        self.deaf = deaf
        self.heard: dict[str, Callable[[Heard], None]] = {}

    def listen(self, host: Host, heard: Callable[[Heard], None]) -> None:
        self.heard[host.name] = heard
        heard(Heard(host.name, "deaf" if self.deaf else "listening", detail="no library" if self.deaf else ""))

    def close(self) -> None:
        """Nothing is open."""


class Watch:
    """A watch in a thread of its own, and what it told."""

    def __init__(self, site: Site, allowed: mend.Allowed, bells: Bells, interval: float = 3600) -> None:
        self.notes: list[watch.Note] = []
        self._told = threading.Condition()
        self.app = replace(site.app, clock=Clock(), stopping=threading.Event())
        options = watch.Options(allowed, interval)
        self._thread = threading.Thread(
            target=lambda: watch.watch(self.app, list(site.app.inventory.hosts.values()), options, bells, self._tell), daemon=True
        )
        self._thread.start()

    def _tell(self, note: watch.Note) -> None:
        with self._told:
            self.notes.append(note)
            self._told.notify_all()

    def until(self, kind: str, name: str = "", times: int = 1) -> watch.Note:
        """The n-th note of the kind about that, once it came."""

        def found() -> list[watch.Note]:
            return [note for note in self.notes if note.kind == kind and name in (note.name, note.host)]

        with self._told:
            assert self._told.wait_for(lambda: len(found()) >= times, PATIENCE), self.notes
            return found()[times - 1]

    def end(self) -> None:
        self.app.stopping.set()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def kinds(self, name: str) -> list[str]:
        return [note.kind for note in self.notes if note.name == name]


def once(site: Site, allowed: mend.Allowed) -> tuple[int, Sequence[watch.Note]]:
    notes: list[watch.Note] = []
    hosts = list(site.app.inventory.hosts.values())
    return watch.watch(site.app, hosts, watch.Options(allowed, once=True), None, notes.append), notes


def crash(site: Site, name: str) -> str:
    at = site.record(name).instance
    site.fleet.kill_qemu(at.host, at.domain)
    return at.host


def test_an_event_wakes_it_and_what_it_mended_is_told(site: Site) -> None:
    site.apply("a", "b")
    bells = Bells()
    seen = Watch(site, mend.LIVE, bells)
    seen.until("watching", "n1")
    seen.until("watching", "n2")
    host = crash(site, "a")
    bells.heard[host](Heard(host, "domain", site.record("a").instance.uuid, "instance-00000001 stopped (failed)"))
    seen.until("gone", "a")
    seen.end()
    assert seen.kinds("a") == ["event", "found", "changed", "gone"]
    assert site.starts() == 3
    assert site.record("a").state == "ACTIVE"


def test_what_was_missed_while_nobody_listened_is_seen_when_it_listens_again(site: Site) -> None:
    site.apply("a")
    bells = Bells()
    seen = Watch(site, mend.LIVE, bells)
    host = site.record("a").instance.host
    seen.until("watching", host)
    bells.heard[host](Heard(host, "lost", detail="libvirt's daemon ended"))
    bells.heard[host](Heard(host, "lost", detail="libvirt's daemon ended"))
    seen.until("lost", host)
    crash(site, "a")
    bells.heard[host](Heard(host, "listening"))
    seen.until("changed", "a")
    seen.end()
    assert [note.kind for note in seen.notes].count("lost") == 1, "it is told once"


def test_without_events_it_looks_after_the_interval_and_says_so_once(site: Site) -> None:
    site.apply("a")
    seen = Watch(site, mend.LIVE, Bells(deaf=True), interval=0.2)
    seen.until("deaf", "n1")
    crash(site, "a")
    seen.until("changed", "a")
    seen.end()
    assert [note.kind for note in seen.notes].count("deaf") == 2, "a host each"


def test_an_unchanged_host_is_one_round_trip_a_look_and_no_run(site: Site) -> None:
    site.apply("a", "b")
    runs, trips = len(site.store.runs()), site.fleet.trips("n1")
    assert once(site, mend.ALL) == (0, [])
    assert (len(site.store.runs()), site.fleet.trips("n1")) == (runs, trips + 1)


def test_report_touches_nothing(site: Site) -> None:
    site.apply("a")
    crash(site, "a")
    runs = len(site.store.runs())
    code, notes = once(site, mend.NOTHING)
    assert (code, [note.kind for note in notes]) == (2, ["found"])
    assert (site.starts(), len(site.store.runs()), site.record("a").state) == (1, runs, "ACTIVE")


def test_live_leaves_what_others_paused_and_all_does_not(site: Site) -> None:
    site.apply("a")
    at = site.record("a").instance
    domain = site.fleet.hosts[at.host].domains[at.domain]
    domain.state = "paused"
    assert once(site, mend.LIVE)[0] == 2
    assert domain.state == "paused"
    assert once(site, mend.ALL)[0] == 0
    assert domain.state == "running"
    assert site.starts() == 1


def test_a_host_that_is_gone_is_told_once_and_taken_up_again(site: Site) -> None:
    site.apply("a", "b")
    site.fleet.unreachable("n1")
    bells = Bells()
    seen = Watch(site, mend.LIVE, bells, interval=0.1)
    seen.until("unreachable", "n1")
    other = next(record.instance for record in site.store.records() if record.instance.host == "n2")
    crash(site, other.name)
    seen.until("changed", other.name)
    site.fleet.heal("n1")
    seen.until("reached", "n1")
    seen.end()
    assert [note.kind for note in seen.notes].count("unreachable") == 1


def test_what_another_run_has_in_hand_is_left_to_it(site: Site) -> None:
    site.apply("a")
    run = site.store.begin("apply", ["a"])
    crash(site, "a")
    code, notes = once(site, mend.LIVE)
    assert (code, [note.kind for note in notes]) == (2, ["found", "busy"])
    assert site.starts() == 1
    site.store.finish(run, "ok", "")
    assert once(site, mend.LIVE)[0] == 0
    assert site.starts() == 2


def test_what_cannot_be_mended_is_not_tried_all_the_time(site: Site) -> None:
    site.apply("a")
    host = crash(site, "a")
    site.fleet.fail(host, "qemu:///system start", stderr="error: no memory")
    bells = Bells()
    seen = Watch(site, mend.LIVE, bells)
    seen.until("failed", "a")
    for _ in range(5):
        bells.heard[host](Heard(host, "domain", site.record("a").instance.uuid, "instance-00000001 undefined"))
    seen.until("event", "a", 5)
    seen.end()
    assert seen.kinds("a").count("failed") == 1
    assert site.record("a").state == "ERROR"


def test_what_nobody_foresaw_ends_it(site: Site) -> None:
    site.apply("a")

    def tell(note: watch.Note) -> None:
        raise BrokenPipeError

    app = replace(site.app, clock=Clock(), stopping=threading.Event())
    with pytest.raises(BrokenPipeError):
        watch.watch(app, list(app.inventory.hosts.values()), watch.Options(mend.LIVE), None, tell)


def test_guests_on_several_hosts_are_brought_back_side_by_side(site: Site) -> None:
    site.apply("a", "b", "c", "d")
    for name in "abcd":
        crash(site, name)
    app = replace(site.app, clock=Clock())
    notes: list[watch.Note] = []
    assert watch.watch(app, list(app.inventory.hosts.values()), watch.Options(mend.LIVE, once=True), None, notes.append) == 0
    assert sorted(note.name for note in notes if note.kind == "changed" and note.name) == list("abcd")
    assert {record.state for record in site.store.records()} == {"ACTIVE"}
    assert site.starts() == 8


def test_one_that_its_policy_gave_up_is_left_to_an_operator(site: Site) -> None:
    site.apply("a")
    run = site.store.begin("watch", ["a"])
    uuid = site.record("a").instance.uuid
    site.store.commit(
        run, [Move(uuid, "give_up", "ACTIVE", "ERROR", "error", None, 6, "it crashed: restart_policy allows no more", clears=True)]
    )
    site.store.finish(run, "failed", "")
    crash(site, "a")
    assert once(site, mend.ALL)[0] == 2
    assert (site.starts(), site.record("a").state) == (1, "ERROR")


def test_a_host_that_booted_gets_its_networks_and_guests_back(site: Site) -> None:
    site.apply("a", "b")
    site.act("stop", "b")
    for host in site.fleet.hosts:
        site.fleet.reboot(host)
    assert once(site, mend.LIVE)[0] == 0
    assert (site.record("a").state, site.record("b").state) == ("ACTIVE", "STOPPED")
    assert site.starts() == 3
    trips = site.fleet.trips("n1")
    assert once(site, mend.LIVE)[0] == 0
    assert site.fleet.trips("n1") == trips + 1, "that it booted is known by now"
