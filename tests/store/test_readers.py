"""Connections for reading, when threads want the same one."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from orchestrator.store import readers, sqlite


class Overtaken(list[sqlite3.Connection]):
    """One connection is left, and another thread takes it between the look and the grasp."""

    def __bool__(self) -> bool:
        self.clear()
        return True


def test_a_connection_that_another_thread_took_is_opened_anew(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    sqlite3.connect(path).execute("CREATE TABLE t (x)").connection.close()
    place = sqlite.Location(path, 1.0)
    pool = readers.Readers(lambda: sqlite.connect(place), "BEGIN", lambda: sqlite.told(path))
    with pool.reading():
        pass
    pool._free = Overtaken(pool._free)
    with pool.reading() as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
    pool.close()


def test_a_connection_that_was_lost_meanwhile_is_opened_anew(tmp_path: Path) -> None:
    place = sqlite.Location(tmp_path / "state.db", 1.0)
    pool = readers.Readers(lambda: sqlite.connect(place), "BEGIN", lambda: sqlite.told(place.path))
    with pool.reading() as lost:
        pass
    lost.close()
    with pool.reading() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    pool.close()
