"""A store that went through every migration is as a new one; a migration happens whole or not at all, and the store as it was is kept."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import script

from orchestrator import store as stores
from orchestrator.model import errors
from orchestrator.store import opening, schema, sqlite
from tests.store import samples

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "orchestrator/store/migrations"
SECOND = """
import os
import sqlalchemy as sa
from alembic import op

revision = "9998"
down_revision = "0003"


def upgrade() -> None:
    with op.batch_alter_table("instances") as table:
        table.add_column(sa.Column("locked", sa.Integer()))
    {last}
"""


def tables(path: Path) -> dict[str, list[str]]:
    """Tables and indexes with their clauses; the order of clauses means nothing, that of columns is in `columns`."""
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {name: sorted(" ".join(sql.split()).removesuffix(" )").split(", ")) for name, sql in rows}


def columns(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with sqlite3.connect(path) as connection:
        return {name: sorted(connection.execute(f"PRAGMA table_info({name})")) for name in sorted(schema.metadata.tables)}


@pytest.fixture
def place(tmp_path: Path) -> sqlite.Location:
    """A store with an instance, its port and its address."""
    location = sqlite.Location(tmp_path / "state.db")
    store = stores.open(f"sqlite:///{location.path}", samples.Clock(), samples.Ids())
    run = store.begin("apply", ["web1"])
    store.place(run, lambda seen: [samples.placement(samples.new("web1", samples.port("private", "10.0.0.1")))])
    store.finish(run, "ok", "")
    store.close()
    return location


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """Our migrations, to be added to."""
    return Path(shutil.copytree(SCRIPTS, tmp_path / "migrations"))


def second(scripts: Path, last: str = "pass") -> None:
    (scripts / "versions" / "m9998_locked.py").write_text(SECOND.format(last=last))


def test_all_migrations_together_make_the_schema_of_a_new_store(place: sqlite.Location, tmp_path: Path) -> None:
    old = sqlite.Location(tmp_path / "old.db")
    with sqlite3.connect(old.path) as connection:  # before the first migration: alembic's own table, and empty
        connection.execute(
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
        )
    opening.upgrade(old, None)
    assert {**tables(old.path), "alembic_version": []} == {**tables(place.path), "alembic_version": []}
    assert columns(old.path) == columns(place.path)


def test_migrations_are_one_chain_and_its_end_is_known() -> None:
    chain = list(script.ScriptDirectory(str(SCRIPTS)).walk_revisions())
    assert chain[0].revision == schema.HEAD
    assert [one.revision for one in reversed(chain)] == [f"{number:04}" for number in range(1, len(chain) + 1)]
    assert script.ScriptDirectory(str(SCRIPTS)).get_heads() == [schema.HEAD]


def test_an_upgrade_loses_nothing_and_keeps_the_store_as_it_was(place: sqlite.Location, scripts: Path) -> None:
    second(scripts)
    before = place.path.read_bytes(), tables(place.path)
    opening.upgrade(place, schema.HEAD, scripts)
    with sqlite3.connect(place.path) as connection:
        found = [connection.execute(f"SELECT count(*) FROM {name}").fetchone() for name in ("instances", "ports", "addresses")]  # noqa: S608
    assert found == [(1,), (1,), (1,)]
    assert "locked INTEGER" in tables(place.path)["instances"]
    kept = place.path.with_name("state.db.0003")
    assert (tables(kept), kept.stat().st_mode & 0o777) == (before[1], 0o600)
    with pytest.raises(errors.OrchestratorError, match="newer orchestrator"):
        stores.open(f"sqlite:///{place.path}", samples.Clock(), samples.Ids())


def test_a_store_from_before_volumes_keeps_its_instances(place: sqlite.Location) -> None:
    with sqlite3.connect(place.path) as connection:
        connection.execute("DROP TABLE volumes")
        connection.execute("ALTER TABLE meta DROP COLUMN next_volume")
        connection.execute("ALTER TABLE runs DROP COLUMN outcomes")
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    opening.upgrade(place, "0001")
    store = stores.open(f"sqlite:///{place.path}", samples.Clock(), samples.Ids())
    assert [(record.instance.name, record.instance.volumes) for record in store.records()] == [("web1", ())]
    assert (store.volumes(), store.snapshot().next_volume) == ((), 1)
    store.close()


def test_of_runs_from_before_outcomes_nobody_knows_them(place: sqlite.Location) -> None:
    with sqlite3.connect(place.path) as connection:
        connection.execute("ALTER TABLE runs DROP COLUMN outcomes")
        connection.execute("UPDATE alembic_version SET version_num = '0002'")
    opening.upgrade(place, "0002")
    store = stores.open(f"sqlite:///{place.path}", samples.Clock(), samples.Ids())
    (run,) = store.runs()
    assert (run.status, store.outcomes(run.id)) == ("ok", None)
    store.close()


def test_who_comes_second_finds_it_done(place: sqlite.Location, scripts: Path) -> None:
    second(scripts)
    opening.upgrade(place, schema.HEAD, scripts)
    opening.upgrade(place, schema.HEAD, scripts)
    assert "locked INTEGER" in tables(place.path)["instances"]


@pytest.mark.parametrize(
    ("last", "message"),
    [
        ("op.execute('SELECT * FROM nowhere')", "no such table: nowhere"),
        ("op.execute('DELETE FROM instances')", "rows of ports refer to what is not there"),
    ],
)
def test_a_migration_that_fails_changes_nothing(place: sqlite.Location, scripts: Path, last: str, message: str) -> None:
    second(scripts, last)
    before = tables(place.path)
    with pytest.raises(errors.OrchestratorError, match=message):
        opening.upgrade(place, schema.HEAD, scripts)
    assert tables(place.path) == before
    assert len(stores.open(f"sqlite:///{place.path}", samples.Clock(), samples.Ids()).records()) == 1


def test_a_migration_that_is_killed_changes_nothing(place: sqlite.Location, scripts: Path) -> None:
    second(scripts, "os.kill(os.getpid(), 9)")
    before = tables(place.path)
    program = "import sys, pathlib; from orchestrator.store import opening, sqlite\n"
    program += "opening.upgrade(sqlite.Location(pathlib.Path(sys.argv[1])), '0003', pathlib.Path(sys.argv[2]))"
    done = subprocess.run([sys.executable, "-c", program, str(place.path), str(scripts)], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(stores.open(f"sqlite:///{place.path}", samples.Clock(), samples.Ids()).records()) == 1
    assert tables(place.path) == before
