"""What every store must do, whatever it is made of. An adapter joins by a row in OPENERS."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from orchestrator import store as stores
from orchestrator.commands.command import Command, Transfer, Upload
from orchestrator.model import errors
from orchestrator.model.instance import Instance, Record
from orchestrator.ports import store as ports
from orchestrator.ports import writes
from tests.store import samples, server

Opener = Callable[[], ports.Store]
OPENERS = {"sqlite": lambda folder: f"sqlite:///{folder}/state/orchestrator.db", "postgresql": lambda folder: server.server().database()}
COMMAND = Command(("ip", "link", "del", "--", "tap1"), accepts=(0, 1), step="plug_interfaces")


@pytest.fixture
def clock() -> samples.Clock:
    return samples.Clock()


@pytest.fixture(params=OPENERS)
def opener(request: pytest.FixtureRequest, tmp_path: Path, clock: samples.Clock) -> Iterator[Opener]:
    """Opens the same store again and again."""
    opened: list[ports.Store] = []
    url = OPENERS[request.param](tmp_path)

    def open_one() -> ports.Store:
        opened.append(stores.open(url, clock, samples.Ids()))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


@pytest.fixture
def store(opener: Opener) -> ports.Store:
    return opener()


def placed(store: ports.Store, run: ports.Run, *instances: Instance) -> tuple[Record, ...]:
    return store.place(run, lambda seen: [samples.placement(one) for one in instances])


def one(store: ports.Store) -> tuple[ports.Run, str]:
    """A run that has placed web1."""
    run = store.begin("apply", ["web1"])
    (record,) = placed(store, run, samples.new("web1"))
    return run, record.instance.uuid


def move(uuid: str, source: str = "BUILDING", dest: str = "NETWORKING", **values: object) -> writes.Move:
    defaults: dict[str, object] = {"vm_state": "building", "task_state": "networking", "power_state": 0}
    return writes.Move(uuid, "network", source, dest, **{**defaults, **values})  # type: ignore[arg-type]


def states(store: ports.Store) -> dict[str, str]:
    return {record.instance.name: record.state for record in store.records()}


# The store itself


def test_a_new_store_is_empty_and_has_an_id_of_its_own(opener: Opener) -> None:
    store = opener()
    assert (store.records(), store.runs(), store.open_jobs(), dict(store.capacities())) == ((), (), (), {})
    assert store.lineage != ""
    assert opener().lineage == store.lineage


def test_everything_is_there_when_it_is_opened_again(opener: Opener) -> None:
    store = opener()
    run, uuid = one(store)
    store.commit(run, [move(uuid), writes.Seen("h1", samples.CAPACITY), writes.Resource("flavor", "m1", "{}")])
    ended = ports.Ended("web1", "n1", "ERROR", "failed", "no memory \udcff"), ports.Ended("", "n2", "", "changed")
    store.finish(run, "ok", "1 changed", ended)
    assert store.outcomes(run.id) == ended
    assert store.outcomes("no such run") is None
    before = (store.records(), store.runs(), store.events("web1"), store.capacities(), store.resources("flavor"))
    store.close()
    again = opener()
    assert (again.records(), again.runs(), again.events("web1"), again.capacities(), again.resources("flavor")) == before


def test_what_is_forgotten_is_gone(store: ports.Store) -> None:
    run, _ = one(store)
    store.commit(
        run, [writes.Resource("notified", "a", "{}"), writes.Resource("notified", "b", "{}"), writes.Resource("flavor", "a", "{}")]
    )
    store.commit(run, [writes.Forget("notified", "a"), writes.Forget("notified", "never there")])
    assert [each.name for each in store.resources("notified")] == ["b"]
    assert [each.name for each in store.resources("flavor")] == ["a"]


# Runs


def test_epochs_grow_and_runs_are_newest_first(store: ports.Store) -> None:
    first = store.begin("apply", ["a"])
    second = store.begin("destroy", ["b"])
    assert (first.epoch, second.epoch, first.status) == (1, 2, "running")
    store.finish(first, "failed", "1 of 2 failed")
    assert [(run.id, run.status, run.recap) for run in store.runs()] == [(second.id, "running", ""), (first.id, "failed", "1 of 2 failed")]
    assert store.runs()[1].finished_at


def test_a_name_has_one_owner_and_the_other_hears_who(opener: Opener) -> None:
    store, other = opener(), opener()
    run = store.begin("apply", ["a", "b"])
    with pytest.raises(errors.LockHeld) as caught:
        other.begin("hard-reboot", ["b", "c"])
    for words in ("instance 'b'", run.holder, run.started_at, "'apply'", "--wait SECONDS"):
        assert words in str(caught.value)
    assert len(other.runs()) == 1
    other.begin("apply", ["c"])
    store.finish(run, "ok", "")
    assert other.begin("hard-reboot", ["b"]).epoch == 3


def test_names_given_twice_are_owned_once(store: ports.Store) -> None:
    assert store.begin("apply", ["a", "a"]).epoch == 1


def test_waiting_ends_when_the_holder_does(opener: Opener, clock: samples.Clock) -> None:
    store, other = opener(), opener()
    run = store.begin("apply", ["a"])
    clock.on_sleep = lambda seconds: store.finish(run, "ok", "") if len(clock.slept) == 3 else None
    assert other.begin("apply", ["a"], wait=10).epoch == 2
    assert len(clock.slept) == 3


def test_waiting_is_bounded(opener: Opener, clock: samples.Clock) -> None:
    store, other = opener(), opener()
    store.begin("apply", ["a"])
    with pytest.raises(errors.LockHeld):
        other.begin("apply", ["a"], wait=5)
    assert sum(clock.slept) == pytest.approx(5)


def test_what_a_dead_run_held_is_taken_over_and_it_can_write_no_more(opener: Opener) -> None:
    dead, store = opener(), opener()
    run, uuid = one(dead)
    dead.close()
    assert [seen.status for seen in store.runs()] == ["abandoned"]
    newer = store.begin("apply", ["web1"])
    assert [(seen.id, seen.status) for seen in store.runs()] == [(newer.id, "running"), (run.id, "abandoned")]
    revenant = opener()
    with pytest.raises(errors.LostOwnership, match=r"web1.*epoch 1 < 2"):
        revenant.commit(run, [move(uuid)])
    with pytest.raises(errors.LostOwnership):
        revenant.commit(run, [writes.Seen("h1", samples.CAPACITY)])
    with pytest.raises(errors.LostOwnership):
        placed(revenant, run, samples.new("web2"))
    revenant.finish(run, "ok", "all well")
    assert [seen.status for seen in store.runs()] == ["running", "abandoned"]
    store.commit(newer, [move(uuid)])


def test_a_run_writes_only_about_what_it_owns_while_it_lasts(store: ports.Store) -> None:
    run, uuid = one(store)
    stranger = store.begin("apply", ["web2"])
    with pytest.raises(errors.LostOwnership, match="web1"):
        store.commit(stranger, [writes.Want(uuid, "stopped")])
    with pytest.raises(errors.LostOwnership, match="web3"):
        placed(store, stranger, samples.new("web3"))
    store.finish(run, "ok", "")
    with pytest.raises(errors.LostOwnership):
        store.commit(run, [move(uuid)])
    with pytest.raises(errors.LostOwnership):
        store.commit(run, [writes.Resource("flavor", "m1", "{}")])
    assert states(store) == {"web1": "BUILDING"}


# Moves and steps


def test_a_move_is_recorded_with_its_line_of_history(store: ports.Store) -> None:
    run, uuid = one(store)
    store.commit(run, [move(uuid), writes.Step(uuid, "NETWORKING", "plug", "h1", "failed", "ip link", "no such device", 12)])
    (record,) = store.records()
    assert (record.state, record.task_state, record.updated_at > record.created_at) == ("NETWORKING", "networking", True)
    first, second = store.events("web1")
    assert (first.kind, first.state, first.step, first.host, first.run) == ("move", "BUILDING -> NETWORKING", "network", "h1", run.id)
    assert replace(second, at="") == ports.Event(
        "", run.id, "web1", "step", "NETWORKING", "plug", "h1", "failed", "ip link", "no such device", 12
    )


def test_a_move_compares_and_sets(store: ports.Store) -> None:
    run, uuid = one(store)
    with pytest.raises(errors.Conflict, match="'web1' is BUILDING, not SPAWNING"):
        store.commit(run, [writes.Want(uuid, "stopped"), move(uuid, "SPAWNING", "ACTIVE")])
    (record,) = store.records()
    assert (record.state, record.wanted, store.events("web1")) == ("BUILDING", "active", ())
    store.commit(run, [move(uuid), move(uuid, "NETWORKING", "SPAWNING")])
    assert states(store) == {"web1": "SPAWNING"}


def test_what_was_removed_does_not_move(store: ports.Store) -> None:
    run, uuid = one(store)
    with pytest.raises(errors.Conflict, match="'web1' is removed, not BUILDING"):
        store.commit(run, [writes.Remove(uuid), move(uuid, launched=True)])
    assert states(store) == {"web1": "BUILDING"}


def test_a_fault_lasts_until_the_next_move_and_launched_for_ever(store: ports.Store) -> None:
    run, uuid = one(store)
    (before,) = store.records()
    store.commit(run, [move(uuid, "BUILDING", "ACTIVE", launched=True)])
    store.commit(run, [move(uuid, "ACTIVE", "ERROR", fault="no such device\udcff")])
    (record,) = store.records()
    assert (record.fault, record.instance) == ("no such device\\udcff", replace(before.instance, launched=True))
    assert store.events("web1")[-1].detail == record.fault
    store.commit(run, [move(uuid, "ERROR", "ACTIVE")])
    (record,) = store.records()
    assert (record.fault, record.instance.launched) == (None, True)


def test_the_wish_changes_alone(store: ports.Store) -> None:
    run, uuid = one(store)
    (before,) = store.records()
    store.commit(run, [writes.Want(uuid, "stopped")])
    (after,) = store.records()
    assert after == replace(before, wanted="stopped", updated_at=after.updated_at)


def test_what_is_removed_is_free_and_its_history_stays(store: ports.Store) -> None:
    run, uuid = one(store)
    store.commit(run, [writes.Intent("job1", "h1", (uuid,), {uuid: (writes.Undo("plug", (COMMAND,)),)})])
    store.commit(run, [writes.Remove(uuid), writes.Step(uuid, "DELETING", "remove_disks", "h1", "done"), writes.Settle("job1", "done")])
    assert (store.records(), store.undo(uuid), len(store.events("web1"))) == ((), (), 1)
    with pytest.raises(errors.Conflict, match="not recorded"):
        store.commit(run, [move(uuid)])
    placed(store, run, samples.new("web1"))


# Jobs and undo


def test_a_job_is_open_from_intent_to_settlement(store: ports.Store) -> None:
    run, uuid = one(store)
    lanes = ((f"instance/{uuid}", ("plug_interfaces", "define_domain")), ("shared/image", ()))
    store.commit(run, [writes.Intent("job1", "h1", (uuid,), lanes=lanes), writes.Intent("job2", "h2", ())])
    assert store.open_jobs() == (ports.OpenJob("job1", "h1", (uuid,), lanes, run.id), ports.OpenJob("job2", "h2", (), run=run.id))
    store.commit(run, [writes.Settle("job1", "done")])
    assert [job.job for job in store.open_jobs()] == ["job2"]
    for write in (writes.Settle("job1", "done"), writes.Settle("job9", "done"), writes.Intent("job2", "h1", ())):
        with pytest.raises(errors.Conflict):
            store.commit(run, [write])


def test_a_newer_run_settles_what_a_dead_one_began(opener: Opener) -> None:
    dead, store = opener(), opener()
    run, uuid = one(dead)
    dead.commit(run, [writes.Intent("job1", "h1", (uuid,))])
    dead.close()
    newer = store.begin("apply", ["web1"])
    store.commit(newer, [writes.Settle("job1", "observed")])
    assert store.open_jobs() == ()


def test_undo_is_kept_in_the_order_of_steps_and_the_first_intent_wins(store: ports.Store) -> None:
    run, uuid = one(store)
    actions = (COMMAND, Upload("/etc/x", b"\x00\xff", 0o600), Transfer("/images/a", "/var/b", 1 << 40))
    plug, define, start = writes.Undo("plug", (COMMAND,)), writes.Undo("define", actions), writes.Undo("start", ())
    store.commit(run, [writes.Intent("job1", "h1", (uuid,), {uuid: (plug, define)})])
    store.commit(run, [writes.Intent("job2", "h1", (uuid,), {uuid: (writes.Undo("plug", ()), start, start)})])
    assert store.undo(uuid) == (plug, define, start)
    store.commit(run, [move(uuid)])
    assert store.undo(uuid) == (plug, define, start)
    store.commit(run, [move(uuid, "NETWORKING", "ACTIVE", clears=True)])
    assert store.undo(uuid) == ()


# Hosts and resources


def test_a_host_keeps_its_machine_id(store: ports.Store) -> None:
    run = store.begin("apply", [])
    store.commit(run, [writes.Seen("h1", samples.CAPACITY)])
    rebooted = replace(samples.CAPACITY, boot_id="boot-2", free_disk_gb=7)
    store.commit(run, [writes.Seen("h1", rebooted), writes.Seen("h0", samples.CAPACITY)])
    with pytest.raises(errors.Conflict, match=r"host h1 is another machine now.*machine-1.*machine-2"):
        store.commit(run, [writes.Seen("h1", replace(rebooted, machine_id="machine-2"))])
    assert list(store.capacities().items()) == [("h0", samples.CAPACITY), ("h1", rebooted)]


def test_resources_are_by_kind_and_the_last_one_counts(store: ports.Store) -> None:
    run = store.begin("apply", [])
    store.commit(run, [writes.Resource("flavor", "b", "1"), writes.Resource("flavor", "a", "2"), writes.Resource("image", "a", "3")])
    store.commit(run, [writes.Resource("flavor", "b", "4")])
    assert store.resources("flavor") == (writes.Resource("flavor", "a", "2"), writes.Resource("flavor", "b", "4"))
    assert store.resources("network") == ()


# Threads


def test_threads_of_one_run_commit_side_by_side(store: ports.Store) -> None:
    names = [f"web{number}" for number in range(8)]
    run = store.begin("apply", names)
    uuids = {record.instance.name: record.instance.uuid for record in placed(store, run, *map(samples.new, names))}
    failures: list[BaseException] = []

    def work(name: str) -> None:
        try:
            for number in range(25):
                store.commit(run, [writes.Step(uuids[name], "NETWORKING", str(number), "h1", "done")])
                assert len(store.records()) == 8
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert all([event.step for event in store.events(name)] == [str(number) for number in range(25)] for name in names)
