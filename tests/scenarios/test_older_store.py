"""A store that was restored from a backup, on hosts that a newer one has worked on since."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
from msgspec import structs

from orchestrator import store as stores
from orchestrator.facts import compute
from orchestrator.model import errors
from orchestrator.services import apply, older, plan, volumes
from tests.crash.harness import Clock, Ids
from tests.scenarios.conftest import Site
from tests.scenarios.test_volumes import storage, wished  # noqa: F401  # a fixture


def copied(folder: Path) -> Path:
    """The store as it is now."""
    with sqlite3.connect(folder / "state.db") as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return Path(shutil.copy(folder / "state.db", folder / "copy.db"))


def restored(site: Site, copy: Path) -> Site:
    """The same fleet, and the copy in the store's place."""
    site.store.close()
    store = stores.open(f"sqlite:///{copy}", Clock(), Ids())
    return structs.replace(site, store=store, app=structs.replace(site.app, store=store))


@pytest.fixture
def behind(site: Site, tmp_path: Path) -> Site:
    """A store that knows of `a`, on hosts where `b` was built since."""
    site.apply("a")
    copy = copied(tmp_path)
    site.apply("a", "b")
    return restored(site, copy)


def test_it_is_refused_however_often_it_is_tried_and_nothing_is_changed(behind: Site) -> None:
    before = {name: (len(host.journal), sorted(host.domains), host.newest) for name, host in behind.fleet.hosts.items()}
    for _ in range(12):  # each run has the next epoch: soon higher than any that the hosts have seen
        with pytest.raises(errors.StaleStore, match=r"older than what host n\d has seen: a run of epoch 2 worked there.*adopt n\d"):
            behind.apply("a", "b")
    with pytest.raises(errors.StaleStore):
        behind.act("hard-reboot", "a")
    with pytest.raises(errors.StaleStore):
        plan.plan(behind.app, behind.desired("a", "b"))
    assert {name: (len(host.journal), sorted(host.domains), host.newest) for name, host in behind.fleet.hosts.items()} == before
    assert [record.instance.name for record in behind.store.records()] == ["a"]
    behind.store.close()


def test_a_volume_that_an_instance_has_had_since_is_not_deleted(storage: Site, tmp_path: Path) -> None:  # noqa: F811
    """By the older store it is free, or was never made: one that is made then would get its number, and with it its data."""
    apply.apply(storage.app, wished(storage, "data"))
    volumes.detach(storage.app, "vm", "data")
    copy = copied(tmp_path)
    volumes.attach(storage.app, "vm", "data")
    apply.apply(storage.app, wished(storage, "data", "logs"))
    behind = restored(storage, copy)
    kept = dict(behind.fleet.hosts["n1"].targets)
    with pytest.raises(errors.StaleStore):
        volumes.delete(behind.app, ["data"])
    assert behind.fleet.hosts["n1"].targets == kept
    behind.store.close()


def test_a_store_that_took_in_what_it_forgot_goes_on(behind: Site) -> None:
    run = behind.store.begin("adopt", [])
    for name, host in behind.fleet.hosts.items():
        for store, (epoch, job) in host.newest.items():
            mark = compute.Newest(store, epoch + 40, job)  # as far ahead as a host may be
            if not behind.store.knows(job):
                behind.store.commit(run, older.accepted(name, run, mark))
    behind.store.finish(run, "ok", "")
    assert behind.act("hard-reboot", "a").exit_code == 0
    assert behind.store.epoch() == 43
    behind.store.close()


def test_two_stores_on_one_host_are_not_taken_for_each_other(site: Site, tmp_path: Path) -> None:
    site.apply("a")
    (free,) = set(site.fleet.hosts) - {site.record("a").instance.host}  # the other one numbers its domains as this one does
    other = restored(site, tmp_path / "other.db")
    assert apply.apply(other.app, other.desired("z", hosts=(free,))).exit_code == 0
    again = restored(other, tmp_path / "state.db")
    assert again.apply("a", "b").recap == "1 changed, 1 unchanged, 0 failed"
    assert any(len(host.newest) == 2 for host in site.fleet.hosts.values())
    again.store.close()
