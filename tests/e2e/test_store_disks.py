"""The store on disks that fail it: full, read-only. Needs root, for a small tmpfs."""

from __future__ import annotations

import itertools
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator import store as stores
from orchestrator.model import errors
from orchestrator.ports import store as ports
from orchestrator.ports import writes
from tests.store import samples

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a tmpfs")
PAGE = 4096


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["/bin/umount", "--lazy", str(folder)], check=True)


def opened(folder: Path) -> ports.Store:
    return stores.open(f"sqlite:///{folder}/state.db", samples.Clock(), samples.Ids())


def sound(path: Path) -> bool:
    with sqlite3.connect(path) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def fill(folder: Path, free: int) -> Path:
    """Leave so many bytes free."""
    file = folder / "filler"
    stat = os.statvfs(folder)
    file.write_bytes(bytes(stat.f_bavail * stat.f_frsize - free))
    return file


def until_full(store: ports.Store, run: ports.Run, uuid: str) -> tuple[int, errors.OrchestratorError]:
    """How many commits went well, and how the next one failed."""
    for number in itertools.count():
        try:
            store.commit(run, [writes.Step(uuid, "SPAWNING", str(number), "h1", "done", detail="x" * 3000)])
        except errors.OrchestratorError as error:
            return number, error
    raise AssertionError


@pytest.mark.parametrize("pages", range(1, 25))
def test_a_full_disk_stops_the_commit_and_nothing_else(disk: Path, pages: int) -> None:
    store = opened(disk)
    run = store.begin("apply", ["web1"])
    (record,) = store.place(run, lambda seen: [samples.placement(samples.new("web1"))])
    uuid = record.instance.uuid
    filler = fill(disk, pages * PAGE)
    committed, told = until_full(store, run, uuid)
    assert "no room for the store" in str(told)
    assert str(disk) in told.hint
    assert [event.step for event in store.events("web1")] == [str(number) for number in range(committed)]
    with pytest.raises(errors.OrchestratorError):
        store.commit(run, [writes.Want(uuid, "stopped"), writes.Step(uuid, "SPAWNING", "", "h1", "done", detail="x" * 200_000)])
    filler.unlink()
    store.commit(run, [writes.Step(uuid, "SPAWNING", str(committed), "h1", "done")])
    store.finish(run, "ok", "")
    store.close()
    assert sound(disk / "state.db")
    again = opened(disk)
    assert [event.step for event in again.events("web1")] == [str(number) for number in range(committed + 1)]
    assert again.records() == (record,)


@pytest.mark.parametrize("pages", range(0, 60, 4))
def test_a_store_is_made_whole_or_not_at_all(disk: Path, pages: int) -> None:
    filler = fill(disk, pages * PAGE)
    try:
        opened(disk).close()
    except errors.OrchestratorError as error:
        assert "no room for the store" in str(error)  # noqa: PT017
        assert {file.name for file in disk.iterdir()} in ({"filler"}, {"filler", "state.db"})
    filler.unlink()
    store = opened(disk)
    assert store.begin("apply", ["web1"]).epoch == 1


def test_a_read_only_disk_is_told(disk: Path) -> None:
    opened(disk).close()
    subprocess.run(["/bin/mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(errors.OrchestratorError, match="cannot be opened for writing") as caught:
        opened(disk)
    assert str(disk) in str(caught.value)
    (disk.parent / "empty").mkdir()
    with pytest.raises(errors.OrchestratorError, match="cannot be opened for writing"):
        stores.open(f"sqlite:///{disk}/other/state.db", samples.Clock(), samples.Ids())
