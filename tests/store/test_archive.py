"""Backups: whole, consistent, readable by nobody else; and brought back, on the same database or another."""

from __future__ import annotations

import functools
import shutil
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator import store as stores
from orchestrator.commands.command import Command
from orchestrator.model import errors
from orchestrator.ports import archive as archives
from orchestrator.ports import store as ports
from orchestrator.ports import writes
from orchestrator.store import portable, schema
from tests.store import samples, server

KINDS = {"sqlite": lambda folder: f"sqlite:///{folder}/state.db", "postgresql": lambda folder: server.server().database()}
Made = Callable[[str], str]


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return KINDS[request.param](tmp_path)


@pytest.fixture(params=KINDS)
def target(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Another, empty one."""
    return KINDS[request.param](tmp_path / "other")


def archive(url: str, folder: Path) -> archives.Archive:
    return stores.archive(url, folder, samples.Clock(), samples.Ids())


def opened(url: str) -> ports.Store:
    return stores.open(url, samples.Clock(), samples.Ids())


def filled(url: str, folder: Path, *names: str) -> None:
    """A store that has had a run, with all kinds of rows."""
    store = opened(url)
    run = store.begin("apply", names)
    for name in names:
        placed = samples.placement(samples.new(name, samples.port("private", f"10.0.0.{len(name)}")))
        (record,) = store.place(run, functools.partial(lambda placed, seen: [placed], placed))
        undo = {record.instance.uuid: (writes.Undo("plug", (Command(("true",)),)),)}
        store.commit(
            run,
            [
                writes.Intent(f"{name}-job", "h1", (record.instance.uuid,), undo),
                writes.Step(record.instance.uuid, "", "plug", "h1", "done"),
            ],
        )
    store.commit(run, [writes.Seen("h1", samples.CAPACITY), writes.Resource("flavor", "m1", "{}")])
    store.finish(run, "ok", "done \udcff")
    store.close()
    stores.keyring(url, folder, samples.Ids()).reveal("chap/1")


def told(url: str) -> list[object]:
    """All that a store says of itself."""
    store = opened(url)
    found = [store.lineage, store.records(), store.runs(), store.events("web1"), store.open_jobs(), store.capacities(), store.snapshot()]
    found += [store.undo(record.instance.uuid) for record in store.records()]
    store.close()
    return found


def test_what_was_backed_up_comes_back_anywhere(url: str, target: str, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    filled(url, here, "web1", "database2")
    file = tmp_path / "backup"
    summary = archive(url, here).backup(file)
    assert (summary.counts["instances"], summary.counts["undo"], summary.key_state) == (2, 2, "there")
    assert file.stat().st_mode & 0o777 == 0o600
    restored = archive(target, there).restore(file)
    assert (restored.kept, restored.summary.lineage, restored.summary.counts) == ("", summary.lineage, summary.counts)
    assert told(target) == told(url)
    assert stores.keyring(target, there, samples.Ids()).reveal("chap/1") == stores.keyring(url, here, samples.Ids()).reveal("chap/1")
    store = opened(target)  # and it goes on: ids of rows are counted on
    run = store.begin("apply", ["web1"])
    uuid = next(record.instance.uuid for record in store.records() if record.instance.name == "web1")
    store.commit(
        run, [writes.Step(uuid, "", "start", "h1", "done"), writes.Intent("next", "h1", (uuid,), {uuid: (writes.Undo("start", ()),)})]
    )
    assert [event.step for event in store.events("web1")] == ["plug", "start"]
    assert [undo.step for undo in store.undo(uuid)] == ["plug", "start"]
    store.close()


def test_a_backup_is_of_one_moment_while_others_write(url: str, tmp_path: Path) -> None:
    store = opened(url)
    run = store.begin("apply", ["web1"])
    (record,) = store.place(run, lambda seen: [samples.placement(samples.new("web1"))])
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            pair = [writes.Step(record.instance.uuid, "", f"{number}.{half}", "h1", "done") for half in (1, 2)]
            store.commit(run, [*pair, writes.Resource("flavor", "count", str(number))])

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for number in range(5):
            archive(url, tmp_path).backup(tmp_path / f"{number}")
    finally:
        stop.set()
        thread.join()
    for number in range(5):
        with sqlite3.connect(tmp_path / f"{number}") as db:
            (events,) = db.execute("SELECT count(*) FROM events").fetchone()
            (count,) = db.execute("SELECT coalesce(max(body), '0') FROM resources WHERE name = 'count'").fetchone()
        assert events == 2 * int(count)
    store.close()


def test_a_file_that_is_there_is_replaced_by_consent_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/state.db"
    filled(url, tmp_path, "web1")
    file = tmp_path / "backup"
    file.write_text("precious")
    with pytest.raises(errors.Conflict, match=r"there is a file already.*--yes"):
        archive(url, tmp_path).backup(file)
    assert file.read_text() == "precious"
    archive(url, tmp_path).backup(file, replace=True)
    with pytest.raises(errors.UsageError, match="this is the store itself"):
        archive(url, tmp_path).backup(tmp_path / "state.db", replace=True)
    with pytest.raises(errors.OrchestratorError, match="this file cannot be written"):
        archive(url, tmp_path).backup(tmp_path / "nowhere" / "backup")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup", "state.db", "state.db.key", "state.db.runs"]


def test_no_store_no_backup_and_none_is_made(url: str, tmp_path: Path) -> None:
    for ask in (archive(url, tmp_path).show, lambda: archive(url, tmp_path).backup(tmp_path / "backup")):
        with pytest.raises(errors.NotFound, match="no store there"):
            ask()
    assert not (tmp_path / "state.db").exists()


def test_what_was_there_is_kept_beside_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/state.db"
    filled(url, tmp_path, "web1")
    archive(url, tmp_path).backup(tmp_path / "backup")
    before = (tmp_path / "state.db.key").read_bytes()
    other = f"sqlite:///{tmp_path}/other/state.db"
    filled(other, tmp_path / "other", "else")
    kept, secret = told(other), stores.keyring(other, None, samples.Ids()).reveal("chap/1")
    restored = archive(other, tmp_path / "other").restore(tmp_path / "backup")
    assert Path(restored.kept).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "other/state.db.key").read_bytes() == before
    assert told(other) == told(url)
    assert told(f"sqlite:///{restored.kept}") == kept
    assert stores.keyring(f"sqlite:///{restored.kept}", None, samples.Ids()).reveal("chap/1") == secret, "its key is kept as its own"


def test_a_store_in_use_is_not_replaced(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/state.db"
    filled(url, tmp_path, "web1")
    archive(url, tmp_path).backup(tmp_path / "backup")
    store = opened(url)
    run = store.begin("apply", ["web1"])
    with pytest.raises(errors.LockHeld, match=f"the store is in use: {run.holder} runs 'apply'"):
        archive(url, tmp_path).restore(tmp_path / "backup")
    store.finish(run, "ok", "")
    archive(url, tmp_path).restore(tmp_path / "backup")
    assert [run.epoch for run in store.runs()] == [1]
    store.close()


def test_who_had_it_open_when_another_took_its_place_begins_nothing(tmp_path: Path) -> None:
    url, other = f"sqlite:///{tmp_path}/state.db", f"sqlite:///{tmp_path}/other.db"
    filled(url, tmp_path, "web1")
    archive(url, tmp_path).backup(tmp_path / "backup")
    store = opened(other)
    archive(other, tmp_path).restore(tmp_path / "backup")
    with pytest.raises(errors.Conflict, match="the store is another one now"):
        store.begin("apply", ["web1"])
    store.close()


def test_on_a_server_only_an_empty_database_is_restored_into(tmp_path: Path) -> None:
    url = server.server().database()
    filled(url, tmp_path, "web1")
    archive(url, tmp_path).backup(tmp_path / "backup")
    before = told(url)
    with pytest.raises(errors.Conflict, match=r"there is a store already.*empty database"):
        archive(url, tmp_path).restore(tmp_path / "backup")
    assert told(url) == before


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(b"apiVersion: v1\n" * 100), "not a store, or damaged"),
        (lambda path: path.write_bytes(b""), "not a backup"),
        (lambda path: path.unlink(), "no backup there"),
        (lambda path: change(path, "DROP TABLE backup"), "not a backup"),
        (lambda path: change(path, "UPDATE alembic_version SET version_num = '9999'"), "newer orchestrator"),
        (lambda path: path.write_bytes(path.read_bytes()[:20480] + b"\xff" * 40960), "damaged"),
    ],
)
def test_what_is_no_backup_changes_nothing(damage: Callable[[Path], object], message: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/state.db"
    filled(url, tmp_path, "web1")
    archive(url, tmp_path).backup(tmp_path / "backup")
    before = told(url)
    damage(tmp_path / "backup")
    with pytest.raises(errors.OrchestratorError, match=message):
        archive(url, tmp_path).restore(tmp_path / "backup")
    assert told(url) == before


def change(path: Path, statement: str) -> None:
    with sqlite3.connect(path) as db:
        db.execute(statement)


def test_a_backup_of_an_older_program_is_brought_up_to_date(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/state.db"
    filled(url, tmp_path, "web1")
    archive(url, tmp_path).backup(tmp_path / "backup")
    change(tmp_path / "backup", "ALTER TABLE runs DROP COLUMN outcomes")
    change(tmp_path / "backup", "UPDATE alembic_version SET version_num = '0002'")
    content = (tmp_path / "backup").read_bytes()
    before = told(url)
    archive(url, tmp_path).restore(tmp_path / "backup")
    assert told(url) == before
    assert (tmp_path / "backup").read_bytes() == content


def test_a_backup_without_its_key_is_not_made(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/state.db"
    filled(url, tmp_path, "web1")
    (tmp_path / "state.db.key").unlink()
    assert archive(url, tmp_path).show().key_state == "missing"
    with pytest.raises(errors.OrchestratorError, match="the key of the store's secrets is not here"):
        archive(url, tmp_path).backup(tmp_path / "backup")
    assert not (tmp_path / "backup").exists()


def test_a_backup_copied_by_hand_into_the_stores_place_is_a_store(tmp_path: Path) -> None:
    url, copy = f"sqlite:///{tmp_path}/state.db", f"sqlite:///{tmp_path}/copy.db"
    filled(url, tmp_path, "web1")
    archive(url, tmp_path).backup(tmp_path / "backup")
    shutil.copy(tmp_path / "backup", tmp_path / "copy.db")
    assert told(copy) == told(url)


def test_every_table_is_copied_after_those_it_refers_to() -> None:
    assert {*portable.TABLES, "alembic_version"} == set(schema.metadata.tables)
    for number, name in enumerate(portable.TABLES):
        assert {key.column.table.name for key in schema.metadata.tables[name].foreign_keys} <= set(portable.TABLES[:number])
    booleans = {
        (table.name, column.name) for table in schema.metadata.tables.values() for column in table.columns if str(column.type) == "BOOLEAN"
    }
    assert booleans == portable.BOOLEANS
