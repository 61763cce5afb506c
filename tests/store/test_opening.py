"""URLs, files and their rights, and files that are no stores: one clear error each, and the file as it was."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import urllib.parse
from pathlib import Path

import pytest

from orchestrator import store as stores
from orchestrator.model import errors
from orchestrator.ports import store as ports
from orchestrator.ports import writes
from orchestrator.store import schema
from tests.store import samples

ROOT = Path(__file__).parents[2]


def opened(path: Path, query: str = "") -> ports.Store:
    return stores.open(f"sqlite:///{path}{query}", samples.Clock(), samples.Ids())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("state.db", "not the URL of a store"),
        ("", "not the URL of a store"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("sqlite:////tmp/a\0b.db", "no file can be called so"),
        ("sqlite:////tmp/a%00b.db", "no file can be called so"),
        ("postgresql+asyncpg://ops:hunter2@db/orc", "SQLite or PostgreSQL"),
        ("mysql://ops:hunter2@db/orc", "SQLite or PostgreSQL"),
        ("sqlite+aiosqlite:////tmp/x.db", "SQLite or PostgreSQL"),
        ("sqlite:////tmp/x.db?mode=ro", r"the one option is \?timeout"),
        ("sqlite:////tmp/x.db?timeout=soon", "not the URL of a store"),
        ("sqlite:////tmp/x.db?timeout=-1", "the one option"),
        ("sqlite:////tmp/x.db?timeout=nan", "the one option"),
        ("sqlite:////tmp/x.db?timeout=1&timeout=2", "not the URL of a store"),
    ],
)
def test_a_url_that_cannot_be_a_stores_is_refused(url: str, message: str) -> None:
    with pytest.raises(errors.UsageError, match=message) as caught:
        stores.open(url, samples.Clock(), samples.Ids())
    assert "hunter2" not in str(caught.value)


def test_a_relative_url_is_of_the_folder_it_was_opened_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = stores.open("sqlite:///state.db", samples.Clock(), samples.Ids())
    monkeypatch.chdir("/")
    store.begin("apply", ["web1"])
    assert (tmp_path / "state.db").exists()


@pytest.mark.parametrize("name", ["a b.db", "a%41.db", "ü#1.db", "a.db:memory:", "-x"])
def test_a_file_may_be_called_anything(tmp_path: Path, name: str) -> None:
    opened(tmp_path / urllib.parse.quote(name)).close()
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_a_link_leads_to_the_same_store_and_the_same_owners(tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "state.db")
    store, linked = opened(tmp_path / "state.db"), opened(tmp_path / "link.db")
    store.begin("apply", ["web1"])
    with pytest.raises(errors.LockHeld):
        linked.begin("apply", ["web1"])


def test_links_in_a_circle_are_refused(tmp_path: Path) -> None:
    (tmp_path / "state.db").symlink_to(tmp_path / "state.db")
    with pytest.raises(errors.UsageError, match="this path leads nowhere"):
        opened(tmp_path / "state.db")


@pytest.mark.parametrize("restored", [False, True])
def test_a_file_that_was_taken_away_meanwhile_is_not_written(tmp_path: Path, restored: bool) -> None:
    path = tmp_path / "state.db"
    store = opened(path)
    run = store.begin("apply", [])
    path.rename(tmp_path / "away.db")
    if restored:
        opened(tmp_path / "other.db").close()
        (tmp_path / "other.db").rename(path)
    with pytest.raises(errors.OrchestratorError, match="taken away while it was in use"):
        store.commit(run, [writes.Resource("flavor", "m1", "{}")])


def test_none_is_made_beside_the_log_of_one_that_was_taken_away(tmp_path: Path) -> None:
    """SQLite would take the old one's commits for the new one's: what the log has no page of is lost, and the rest is two stores mixed."""
    path = tmp_path / "state.db"
    store = opened(path)
    store.begin("apply", ["web1"])  # and is killed here: its last commits are in the log alone
    path.rename(tmp_path / "away.db")
    with pytest.raises(errors.OrchestratorError, match="the log of a store that is not here") as caught:
        opened(path)
    assert f"{path}-wal" in caught.value.hint
    (tmp_path / "away.db").rename(path)
    assert [run.verb for run in opened(path).runs()] == ["apply"]


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_only_the_owner_may_read(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "made" / "state.db"
    before = os.umask(umask)
    try:
        store = opened(path)
        store.begin("apply", ["web1"])
        files = [path, *path.parent.glob("state.db-*"), *path.parent.glob("state.db.runs/*")]
        assert {file.name.rpartition("-")[2] for file in files[1:3]} == {"wal", "shm"}
        assert {mode(file) for file in files} == {0o600}
        assert (mode(path.parent), mode(path.parent / "state.db.runs")) == (0o700, 0o700)
        store.close()
    finally:
        os.umask(before)


def test_nothing_is_left_beside_it(tmp_path: Path) -> None:
    store = opened(tmp_path / "state.db")
    store.finish(store.begin("apply", ["web1"]), "ok", "")
    store.close()
    assert sorted(file.name for file in tmp_path.rglob("*")) == ["state.db", "state.db.runs"]


def test_an_interrupted_wait_leaves_nothing(tmp_path: Path) -> None:
    clock = samples.Clock()
    store, other = (stores.open(f"sqlite:///{tmp_path}/state.db", clock, samples.Ids()) for _ in range(2))
    run = store.begin("apply", ["web1"])

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    clock.on_sleep = interrupt
    with pytest.raises(KeyboardInterrupt):
        other.begin("apply", ["web1"], wait=60)
    assert [file.name for file in (tmp_path / "state.db.runs").iterdir()] == [run.id]
    assert store.runs() == (run,)


def test_it_is_durable_and_strict(tmp_path: Path) -> None:
    store = opened(tmp_path / "state.db")
    with store._backend.writing() as connection:  # type: ignore[attr-defined]
        pragmas = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous", "foreign_keys")]
    assert pragmas == ["wal", 2, 1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "an empty file, not a store"),
        (b"apiVersion: v1\n" * 100, "not a store, or damaged.*file is not a database"),
        (b"\x00" * 8192, "not a store, or damaged"),
    ],
)
def test_a_file_that_is_none_is_refused_and_left_alone(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(content)
    with pytest.raises(errors.OrchestratorError, match=message) as caught:
        opened(path)
    assert caught.value.where == str(path)
    assert "backup" in caught.value.hint
    assert path.read_bytes() == content


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
    with pytest.raises(errors.OrchestratorError, match="a database of something else"):
        opened(path)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.OrchestratorError, match="a folder, not a store"):
        opened(tmp_path)


def test_a_place_where_no_folder_can_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(errors.OrchestratorError, match="cannot be opened for writing"):
        opened(tmp_path / "file" / "state.db")


def test_a_newer_store_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    opened(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(errors.OrchestratorError, match=f"newer orchestrator: its schema is 9999, this program knows up to {schema.HEAD}"):
        opened(path)


def test_a_damaged_page_is_told_as_such(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = opened(path)
    names = [f"web{number}" for number in range(50)]
    store.place(store.begin("apply", names), lambda seen: [samples.placement(samples.new(name)) for name in names])
    store.close()
    content = bytearray(path.read_bytes())
    content[8192:] = os.urandom(len(content) - 8192)
    path.write_bytes(content)
    with pytest.raises(errors.OrchestratorError, match="not a store, or damaged"):
        opened(path).records()


def test_an_instance_written_by_a_newer_program_is_not_half_read(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = opened(path)
    store.place(store.begin("apply", ["web1"]), lambda seen: [samples.placement(samples.new("web1"))])
    with sqlite3.connect(path) as connection:
        connection.execute("""UPDATE instances SET body = json_set(body, '$.replicas', json('[]'))""")
    with pytest.raises(errors.OrchestratorError, match=r"instance 'web1' cannot be read.*no field 'replicas'"):
        store.records()


def test_another_writer_is_waited_for_within_bounds_and_named(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = opened(path, "?timeout=0.2")
    run = store.begin("apply", [])
    program = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('BEGIN IMMEDIATE'); print('held', flush=True); input()"
    other = subprocess.Popen([sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdin is not None
    assert other.stdout is not None
    other.stdout.readline()
    assert opened(path, "?timeout=0.2").records() == ()  # readers do not wait
    with pytest.raises(errors.LockHeld, match=rf"database busy: pid {other.pid} is writing to it"):
        store.commit(run, [writes.Resource("flavor", "m1", "{}")])
    assert store.resources("flavor") == ()
    other.communicate(b"\n")
    store.commit(run, [writes.Resource("flavor", "m1", "{}")])
    assert len(store.resources("flavor")) == 1


@pytest.mark.parametrize(
    ("statement", "imports"),
    [("", []), ("opened.records()", []), ("opened.snapshot(), opened.runs()", []), ("opened.begin('apply', [])", [])],
)
def test_neither_reading_nor_writing_imports_what_makes_tables(tmp_path: Path, statement: str, imports: list[str]) -> None:
    opened(tmp_path / "state.db").close()
    program = f"""
import sys
from orchestrator import store
from tests.store import samples
opened = store.open(sys.argv[1], samples.Clock(), samples.Ids())
{statement}
print(*(name for name in ("sqlalchemy", "sqlalchemy.orm", "alembic") if name in sys.modules))
"""
    command = [sys.executable, "-c", program, f"sqlite:///{tmp_path}/state.db"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == imports
