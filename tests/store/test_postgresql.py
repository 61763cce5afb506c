"""Stores on a server: where, whose, what a server that goes away leaves, and who writes when."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator import store as stores
from orchestrator.model import errors
from orchestrator.ports import store as ports
from orchestrator.ports import writes
from orchestrator.store import schema
from tests.store import samples, server
from tests.store.server import Server

ROOT = Path(__file__).parents[2]
Worker = subprocess.Popen[str]


@pytest.fixture
def host() -> Server:
    return server.server()


@pytest.fixture
def url(host: Server) -> str:
    return host.database()


@pytest.fixture
def workers() -> Iterator[list[Worker]]:
    """Processes to end with the test."""
    started: list[Worker] = []
    yield started
    for worker in started:
        worker.kill()
        worker.communicate()


def opened(url: str) -> ports.Store:
    return stores.open(url, samples.Clock(), samples.Ids())


def start(workers: list[Worker], verb: str, url: str, *words: str) -> Worker:
    """Another operator, who has opened the store and begins."""
    command = [sys.executable, "-m", "tests.store.worker", verb, url, *words]
    worker = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    workers.append(worker)
    assert heard(worker) == "ready"
    assert worker.stdin is not None
    worker.stdin.write("\n")
    worker.stdin.flush()
    return worker


def heard(worker: Worker) -> str:
    assert worker.stdout is not None
    return worker.stdout.readline().strip()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ops:hunter2@[db/orc",
        "postgresql://ops:hunter2@db/orc?pasword=hunter2",
        "postgresql://ops:hunter2@db/orc?timeout=-1",
        "postgresql://ops:hunter2@db/orc?timeout=1&timeout=2",
        "postgresql://ops:hunter2@db/a%00b",
        "postgresql://ops@db/orc?password=hunter2&hunter2",
        "postgresql://ops:12/hunter2@db/orc",
        "postgresql://ops:12@hunter2@db/orc",
    ],
)
def test_a_url_that_cannot_be_a_stores_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(errors.UsageError, match="not the URL of a store") as caught:
        opened(url)
    assert "hunter2" not in repr(caught.value)


def test_a_server_that_is_not_there_is_told_without_the_password() -> None:
    with pytest.raises(errors.OrchestratorError, match=r"postgresql://ops@127\.0\.0\.1:1/orc: the database cannot be reached") as caught:
        opened("postgresql+psycopg://ops:hunter2@127.0.0.1:1/orc")
    assert "hunter2" not in repr(caught.value)


def test_an_instance_is_found_where_the_language_would_sort_it(host: Server) -> None:
    url = host.database(options="ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en-US'")
    store = opened(url)
    names = ["a-b", "aB", "A", "b", "Z", "a"]
    run = store.begin("apply", names)
    store.place(run, lambda seen: [samples.placement(samples.new(name)) for name in names])
    assert [record.instance.name for record in store.records()] == sorted(names)
    store.close()


def test_what_has_a_nul_or_no_utf_8_in_it_is_kept_with_escapes(url: str) -> None:
    store = opened(url)
    run = store.begin("apply", ["web1"])
    (record,) = store.place(run, lambda seen: [samples.placement(samples.new("web1"))])
    store.commit(run, [writes.Step(record.instance.uuid, "", "plug", "h1", "failed", detail="a\0b\udcff")])
    assert store.events("web1")[-1].detail == "a\\x00b\\udcff"
    store.close()


def test_a_database_of_something_else_is_refused_and_left_alone(host: Server, url: str) -> None:
    host.sql(server.named(url), "CREATE TABLE instances (id int)")
    with pytest.raises(errors.OrchestratorError, match="a database of something else"):
        opened(url)
    assert host.sql(server.named(url), "SELECT tablename FROM pg_tables WHERE schemaname = 'public'").split() == ["instances"]


def test_a_newer_store_is_refused(host: Server, url: str) -> None:
    opened(url).close()
    host.sql(server.named(url), "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(errors.OrchestratorError, match=f"its schema is 9999, this program knows up to {schema.HEAD}"):
        opened(url)


def test_who_may_only_read_can_only_read(host: Server, url: str) -> None:
    opened(url).close()
    name = server.named(url)
    host.sql(name, f"CREATE ROLE reader_{name} LOGIN", f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader_{name}")
    store = opened(url.replace("ops@", f"reader_{name}@"))
    assert store.records() == ()
    with pytest.raises(errors.OrchestratorError, match="cannot be opened for writing"):
        store.begin("apply", ["web1"])
    store.close()


def test_those_that_make_the_tables_at_once_share_one_store(workers: list[Worker], url: str) -> None:
    command = [sys.executable, "-m", "tests.store.worker", "hold", url]
    for name in "abc":
        workers.append(subprocess.Popen([*command, name], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
    assert [heard(worker) for worker in workers] == ["ready"] * 3
    store = opened(url)
    assert store.runs() == ()
    store.close()


def test_a_killed_operator_is_taken_over_and_a_living_one_is_not(workers: list[Worker], url: str) -> None:
    holder = start(workers, "hold", url, "web1")
    assert heard(holder).startswith("owns")
    store = opened(url)
    with pytest.raises(errors.LockHeld, match=f"pid {holder.pid} "):
        store.begin("apply", ["web1"])
    holder.send_signal(19)  # SIGSTOP: busy is not dead
    with pytest.raises(errors.LockHeld):
        store.begin("apply", ["web1"])
    holder.kill()
    holder.wait()
    patient = stores.open(url, samples.WallClock(), samples.Ids())
    assert patient.begin("apply", ["web1"], wait=20).epoch == 2
    assert [(run.epoch, run.status) for run in store.runs()] == [(2, "running"), (1, "abandoned")]
    store.close()
    patient.close()


def test_racing_placements_never_claim_the_same(workers: list[Worker], url: str) -> None:
    pair = [start(workers, "place", url, prefix, "15") for prefix in ("a", "b")]
    for worker in pair:
        worker.communicate()
        assert worker.returncode == 0
    store = opened(url)
    instances = [record.instance for record in store.records()]
    assert {port.fixed_ips for one in instances for port in one.ports} == {(f"10.0.0.{last}",) for last in range(1, 31)}
    assert {one.domain for one in instances} == {f"instance-{number:08x}" for number in range(1, 31)}
    store.close()


def test_another_writer_is_waited_for_within_bounds_and_named(host: Server, url: str) -> None:
    store = opened(f"{url}&timeout=0.2")
    run = store.begin("apply", [])
    words = ["-X", "-q", "-h", str(host.folder), "-U", "ops", "-d", server.named(url)]
    other = subprocess.Popen([host.programs / "psql", *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdin is not None
    other.stdin.write("SET application_name = 'eve@laptop pid 7'; BEGIN; LOCK TABLE meta IN EXCLUSIVE MODE; \\echo held\n")
    other.stdin.flush()
    assert heard(other) == "held"
    assert store.records() == ()  # readers do not wait
    with pytest.raises(errors.LockHeld, match="database busy: eve@laptop pid 7 is writing to it"):
        store.commit(run, [writes.Resource("flavor", "m1", "{}")])
    other.communicate("ROLLBACK;\n")
    store.commit(run, [writes.Resource("flavor", "m1", "{}")])
    assert len(store.resources("flavor")) == 1
    store.close()


def test_a_run_outlives_a_server_that_starts_anew(workers: list[Worker], host: Server, url: str) -> None:
    store, other = opened(url), opened(url)
    run = store.begin("apply", ["web1"])
    (record,) = store.place(run, lambda seen: [samples.placement(samples.new("web1"))])
    host.again()
    store.commit(run, [writes.Step(record.instance.uuid, "", "plug", "h1", "done")])
    assert [event.step for event in store.events("web1")] == ["plug"]
    with pytest.raises(errors.LockHeld):  # and it is known to live again
        other.begin("apply", ["web1"])
    store.finish(run, "ok", "")
    assert other.begin("apply", ["web1"]).epoch == 2
    store.close()
    other.close()


def test_what_the_server_cut_short_is_not_there_and_may_be_tried_again(host: Server, url: str) -> None:
    store = opened(url)
    run = store.begin("apply", ["web1"])

    def decide(seen: ports.Snapshot) -> list[ports.Placement]:
        host.cut(url)
        return [samples.placement(samples.new("web1"))]

    with pytest.raises(errors.OrchestratorError, match="the database cannot be reached"):
        store.place(run, decide)
    assert store.records() == ()
    assert len(store.place(run, lambda seen: [samples.placement(samples.new("web1"))])) == 1
    store.close()


def test_who_lost_a_run_while_cut_off_writes_no_more(host: Server, url: str) -> None:
    store, other = opened(url), opened(url)
    run = store.begin("apply", ["web1"])
    host.cut(url)
    assert other.begin("apply", ["web1"]).epoch == 2
    with pytest.raises(errors.LostOwnership):
        store.place(run, lambda seen: [samples.placement(samples.new("web1"))])
    store.close()
    other.close()


def test_on_a_second_laptop_the_key_is_asked_for(url: str, tmp_path: Path) -> None:
    first, second = (stores.keyring(url, tmp_path / name, samples.Ids()) for name in ("first", "second"))
    secret = first.reveal("chap/1")
    (key,) = (tmp_path / "first").iterdir()
    assert (key.stat().st_mode & 0o777, key.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    with pytest.raises(
        errors.OrchestratorError, match=rf"the key of the store's secrets is not here.*`scp .*:{key} {tmp_path}/second/{key.name}`"
    ):
        second.reveal("chap/1")
    assert not (tmp_path / "second").exists()
    (tmp_path / "second").mkdir()
    (tmp_path / "second" / key.name).touch(0o600)
    (tmp_path / "second" / key.name).write_bytes(key.read_bytes())
    assert second.reveal("chap/1") == secret
