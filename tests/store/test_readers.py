"""Connections for reading, when threads want the same one."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from orchestrator.store import sqlite


class Overtaken(list[sqlite3.Connection]):
    """One connection is left, and another thread takes it between the look and the grasp."""

    def __bool__(self) -> bool:
        self.clear()
        return True


def test_a_connection_that_another_thread_took_is_opened_anew(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    sqlite3.connect(path).execute("CREATE TABLE t (x)").connection.close()
    readers = sqlite.Readers(sqlite.Location(path, 1.0))
    with readers.reading():
        pass
    readers._free = Overtaken(readers._free)
    with readers.reading() as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
    readers.close()
