"""The faults of the in-memory host: what is done, what is told, and what the next one finds."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.commands.command import Action, Batch, Command, Lane, Record
from orchestrator.model import errors
from orchestrator.model.host import Host
from tests.fakes.host import FakeFleet
from tests.fakes.state import Domain

HOST = Host("h1", "192.0.2.11")
KEY = "instance/1"
ACTIONS = tuple(Command(("mkdir", "--", f"/tmp/{name}")) for name in "abc")


def batch(job: str = "job", epoch: int = 1, attach: tuple[str, ...] = ()) -> Batch:
    """Three folders, one after the other."""
    return Batch(job, epoch, (Lane(KEY, ACTIONS),), attach=attach)


def made(fleet: FakeFleet) -> str:
    return "".join(name for name in "abc" if f"/tmp/{name}" in fleet.hosts["h1"].files)


def send(fleet: FakeFleet, sent: Batch) -> list[Record]:
    heard: list[Record] = []
    fleet.run(HOST, sent, heard.append)
    return heard


def killed(folder: Path, at: int, when: str, last_word: Callable[[FakeFleet], None]) -> FakeFleet:
    """The hosts after their controller was killed with SIGKILL at an action."""
    FakeFleet(["h1"], folder)
    child = os.fork()
    if child == 0:
        fleet = FakeFleet.load(folder)

        def kill(host: str, job: str, lane: str, index: int, action: Action, moment: str) -> None:
            if (index, moment) == (at, when):
                last_word(fleet)
                os.kill(os.getpid(), signal.SIGKILL)

        fleet.on_action = kill
        fleet.run(HOST, batch(), lambda record: None)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    return FakeFleet.load(folder)


@pytest.mark.parametrize(("when", "done"), [("before", "a"), ("after", "ab")])
def test_a_job_lingers_until_somebody_looks_after_it(when: str, done: str, tmp_path: Path) -> None:
    fleet = killed(tmp_path, 1, when, lambda fleet: None)
    assert made(fleet) == done
    fleet.run(HOST, Batch("look", 2, reads=(Command(("true",)),)), lambda record: None)
    assert made(fleet) == done
    fleet.run(HOST, Batch("look", 2, attach=("job",)), lambda record: None)
    assert made(fleet) == "abc"
    assert [(record.index, record.code) for record in send(fleet, batch())] == [(0, 0), (1, 0), (2, 0)]
    assert len(fleet.hosts["h1"].journal) == 3


def test_a_lock_is_waited_for(tmp_path: Path) -> None:
    fleet = killed(tmp_path, 0, "after", lambda fleet: None)
    send(fleet, Batch("next", 2, (Lane(KEY, (Command(("true",)),)),)))
    assert [entry.job for entry in fleet.hosts["h1"].journal] == ["job", "job", "job", "next"]


def test_a_job_may_go_on_to_its_end(tmp_path: Path) -> None:
    assert made(killed(tmp_path, 0, "before", lambda fleet: fleet.finish("h1"))) == "abc"


@pytest.mark.parametrize(("when", "done"), [("before", "a"), ("after", "ab")])
def test_a_job_may_die_with_its_controller(when: str, done: str, tmp_path: Path) -> None:
    fleet = killed(tmp_path, 1, when, lambda fleet: fleet.abandon("h1"))
    fleet.run(HOST, Batch("look", 2, attach=("job",)), lambda record: None)
    assert made(fleet) == done
    with pytest.raises(errors.OutcomeUnknown):
        send(fleet, batch())
    assert made(fleet) == done


@pytest.mark.parametrize("after", range(4))
def test_a_cut_connection_does_not_stop_the_job(after: int) -> None:
    fleet = FakeFleet(["h1"])
    fleet.cut("h1", after)
    heard: list[Record] = []
    with pytest.raises(errors.OutcomeUnknown):
        fleet.run(HOST, batch(), heard.append)
    assert (len(heard), made(fleet)) == (after, "abc")
    assert len(send(fleet, batch())) == 3
    assert len(fleet.hosts["h1"].journal) == 3


def test_a_cut_job_may_linger() -> None:
    fleet = FakeFleet(["h1"])
    fleet.cut("h1", 1, lingers=True)
    with pytest.raises(errors.OutcomeUnknown):
        send(fleet, batch())
    assert made(fleet) == "a"
    assert [record.code for record in send(fleet, batch(attach=("job",)))] == [0, 0, 0]


def test_reads_that_are_cut_started_nothing() -> None:
    fleet = FakeFleet(["h1"])
    fleet.cut("h1")
    with pytest.raises(errors.Unreachable):
        fleet.run(HOST, Batch("", 0, reads=(Command(("true",)),)), lambda record: None)


def test_an_unreachable_host_does_nothing() -> None:
    fleet = FakeFleet(["h1"])
    fleet.unreachable("h1", times=1)
    with pytest.raises(errors.Unreachable):
        send(fleet, batch())
    assert (made(fleet), fleet.trips("h1")) == ("", 0)
    assert len(send(fleet, batch())) == 3
    fleet.unreachable("h1")
    for _ in range(3):
        with pytest.raises(errors.Unreachable):
            send(fleet, batch("other"))
    fleet.heal("h1")
    send(fleet, Batch("other", 1))
    with pytest.raises(errors.Unreachable):
        fleet.run(Host("h2", "192.0.2.12"), batch(), lambda record: None)


def test_an_action_may_fail() -> None:
    fleet = FakeFleet(["h1"])
    fleet.fail("h1", "/tmp/b", 5, "no luck", times=1)
    records = send(fleet, batch())
    assert [(record.code, record.output) for record in records] == [(0, b""), (5, b"no luck")]
    assert made(fleet) == "a"
    assert [record.code for record in send(fleet, Batch("again", 1, (Lane(KEY, ACTIONS[1:]),)))] == [0, 0]


def test_a_lock_may_be_held() -> None:
    fleet = FakeFleet(["h1"])
    fleet.hold("h1", KEY)
    assert [record.kind for record in send(fleet, batch())] == ["locked"]


def test_what_nobody_knows_is_remembered() -> None:
    fleet = FakeFleet(["h1"])
    for argv in (("reboot",), ("ip", "route"), ("sh", "-c", "echo"), ("mkdir", "--mode=7", "/x")):
        (record,) = fleet.run(HOST, Batch("", 0, reads=(Command(argv),)), lambda record: None)
        assert record.code == 127
        assert fleet.hosts["h1"].unknown[-1] == argv


def test_a_reboot_takes_what_lives_in_memory() -> None:
    fleet = FakeFleet(["h1"])
    state = fleet.hosts["h1"]
    send(fleet, batch(epoch=9))
    send(fleet, Batch("bridge", 9, (Lane("shared/b", (Command(("ip", "link", "add", "name", "br1", "type", "bridge")),)),)))
    state.domains |= {
        name: Domain(name, name, "<domain/>", "running", persistent, 1, ("tap1",), ("/disk",))
        for name, persistent in (("a", True), ("b", False))
    }
    boot = state.boot_id
    fleet.reboot("h1")
    assert (set(state.links), state.epochs, state.jobs, state.boot_id != boot) == ({"lo", "eth0"}, {}, {}, True)
    assert {name: (domain.state, domain.locks) for name, domain in state.domains.items()} == {"a": ("shut off", ())}
    assert made(fleet) == "abc"
    assert len(state.journal) == 4
    assert [record.kind for record in send(fleet, Batch("older", 1, (Lane(KEY, ()),)))] == []


def test_a_killed_guest_leaves_its_definition() -> None:
    fleet = FakeFleet(["h1"])
    fleet.hosts["h1"].domains["a"] = Domain("a", "u", "<domain/>", "running")
    fleet.kill_qemu("h1", "a")
    assert fleet.hosts["h1"].domains["a"].state == "shut off"
