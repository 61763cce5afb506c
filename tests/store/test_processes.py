"""Real processes on one store: raced with each other, killed at any moment, and the power cut."""

from __future__ import annotations

import itertools
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator import store as stores
from orchestrator.model import errors
from orchestrator.ports import store as ports
from orchestrator.ports import writes
from tests.store import samples

ROOT = Path(__file__).parents[2]
Worker = subprocess.Popen[str]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def workers(path: Path) -> Iterator[list[Worker]]:
    """Processes to end with the test."""
    started: list[Worker] = []
    yield started
    for worker in started:
        worker.kill()
        worker.communicate()


def start(workers: list[Worker], path: Path, verb: str, *words: str) -> Worker:
    """A controller that has opened the store and waits for `go`."""
    command = [sys.executable, "-m", "tests.store.worker", verb, f"sqlite:///{path}", *words]
    worker = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    workers.append(worker)
    return worker


def go(*workers: Worker) -> None:
    """Let them begin together."""
    for worker in workers:
        assert heard(worker) == "ready"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("\n")
        worker.stdin.flush()


def heard(worker: Worker) -> str:
    assert worker.stdout is not None
    return worker.stdout.readline().strip()


def opened(path: Path) -> ports.Store:
    return stores.open(f"sqlite:///{path}", samples.Clock(), samples.Ids())


def sound(path: Path) -> bool:
    with sqlite3.connect(path) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def batches(store: ports.Store, name: str) -> int:
    """How many whole batches of `worker.commit` there are; they must be the first ones of each run, in order, and whole."""
    count = 0
    for _, events in itertools.groupby(store.events(name), lambda event: event.run):
        steps = [event.step for event in events]
        assert len(steps) % 5 == 0
        assert steps == [f"{batch}.{step}" for batch in range(len(steps) // 5) for step in range(5)]
        count += len(steps) // 5
    return count


def test_two_that_make_the_store_at_once_share_one(workers: list[Worker], path: Path) -> None:
    pair = [start(workers, path, "hold", name) for name in ("a", "b", "c")]
    go(*pair)
    assert [heard(worker).split()[0] for worker in pair] == ["owns"] * 3
    assert [run.epoch for run in opened(path).runs()] == [3, 2, 1]
    assert [file.name for file in path.parent.glob(".*")] == []


def test_of_two_that_begin_at_once_exactly_one_owns(workers: list[Worker], path: Path) -> None:
    opened(path).close()
    for _ in range(20):
        pair = [start(workers, path, "hold", "web1") for _ in range(2)]
        go(*pair)
        said = {worker.pid: heard(worker) for worker in pair}
        (owner,) = (pid for pid, words in said.items() if words.startswith("owns"))
        (refusal,) = (words for words in said.values() if words.startswith("refused"))
        assert f"pid {owner} " in refusal
        for worker in pair:
            worker.communicate("")
            assert worker.returncode == 0
    assert {run.status for run in opened(path).runs()} == {"ok"}
    assert list((path.parent / "state.db.runs").iterdir()) == []


def test_a_killed_holder_is_taken_over_at_once(workers: list[Worker], path: Path) -> None:
    holder = start(workers, path, "hold", "web1")
    go(holder)
    assert heard(holder).startswith("owns")
    store = opened(path)
    with pytest.raises(errors.LockHeld, match=f"pid {holder.pid} "):
        store.begin("apply", ["web1"])
    holder.kill()
    holder.wait()
    run = store.begin("apply", ["web1"])
    assert [(seen.epoch, seen.status) for seen in store.runs()] == [(2, "running"), (1, "abandoned")]
    assert [file.name for file in (path.parent / "state.db.runs").iterdir()] == [run.id]


def test_a_stopped_holder_is_not_taken_for_dead(workers: list[Worker], path: Path) -> None:
    holder = start(workers, path, "hold", "web1")
    go(holder)
    heard(holder)
    holder.send_signal(19)  # SIGSTOP
    with pytest.raises(errors.LockHeld):
        opened(path).begin("apply", ["web1"])


def test_children_of_a_holder_do_not_keep_it_alive(workers: list[Worker], path: Path) -> None:
    store = opened(path)
    store.begin("apply", ["web1"])
    child = subprocess.Popen(["/bin/sleep", "60"])
    try:
        store.close()
        assert opened(path).begin("apply", ["web1"]).epoch == 2
    finally:
        child.kill()
        child.wait()


def test_racing_placements_never_claim_the_same(workers: list[Worker], path: Path) -> None:
    pair = [start(workers, path, "place", prefix, "15") for prefix in ("a", "b")]
    go(*pair)
    for worker in pair:
        worker.communicate()
        assert worker.returncode == 0
    instances = [record.instance for record in opened(path).records()]
    assert len(instances) == 30
    assert {port.fixed_ips for one in instances for port in one.ports} == {(f"10.0.0.{last}",) for last in range(1, 31)}
    assert {one.domain for one in instances} == {f"instance-{number:08x}" for number in range(1, 31)}


def test_whatever_moment_it_is_killed_at_whole_commits_stay(workers: list[Worker], path: Path) -> None:
    store = opened(path)
    run = store.begin("apply", ["web1"])
    store.place(run, lambda seen: [samples.placement(samples.new("web1"))])
    store.finish(run, "ok", "")
    before = 0
    for _ in range(15):
        worker = start(workers, path, "commit", "web1")
        go(worker)
        said = [heard(worker) for _ in range(random.randrange(1, 30))]
        time.sleep(random.random() / 100)
        worker.kill()
        assert worker.stdout is not None
        said += worker.stdout.read().split()  # not communicate(): it does not see what readline() has read ahead
        kept = batches(store, "web1") - before
        assert len(said) <= kept <= len(said) + 1  # what was told is there; what was under way is there whole, or not at all
        before += kept
        assert sound(path)
    assert [seen.status for seen in store.runs()] == ["abandoned"] * 15 + ["ok"]


def test_a_power_cut_leaves_whole_commits(path: Path, tmp_path: Path) -> None:
    store = opened(path)
    run = store.begin("apply", ["web1"])
    (record,) = store.place(run, lambda seen: [samples.placement(samples.new("web1"))])
    log = path.with_name("state.db-wal")
    start_of_log, ends = log.stat().st_size, []
    for batch in range(12):
        store.commit(run, [writes.Step(record.instance.uuid, "", f"{batch}.{step}", "h1", "done", detail="x" * 500) for step in range(5)])
        ends.append(log.stat().st_size)
    whole = log.read_bytes()
    cuts = sorted({*range(start_of_log, ends[-1], 1500), *ends, *(end - 1 for end in ends)})
    for number, cut in enumerate(cuts):
        copy = tmp_path / str(number) / "state.db"
        copy.parent.mkdir()
        shutil.copy(path, copy)
        garbage = bytes(byte ^ 0xFF for byte in whole[cut : cut + number % 3 * 2000])  # surely other than what belongs there
        copy.with_name("state.db-wal").write_bytes(whole[:cut] + garbage)
        survivor = opened(copy)
        assert batches(survivor, "web1") == sum(end <= cut for end in ends)
        assert sound(copy)
        survivor.close()
