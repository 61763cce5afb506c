"""What every store must do with volumes: one name once, one instance at most, and a status that only moves from what it is."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from orchestrator.model import errors
from orchestrator.model.volume import Attachment, Volume
from orchestrator.ports import store as ports
from orchestrator.ports import writes
from tests.contracts.test_store import clock, opener, store  # noqa: F401  # fixtures
from tests.store import samples

DATA = Volume("11111111-1111-4111-8111-111111111111", "data", 1, "iscsi", "s1", options={"address": "192.0.2.9"})
LOGS = replace(DATA, id="22222222-2222-4222-8222-222222222222", name="logs")


def placed(store: ports.Store, run: ports.Run, name: str, *attachments: Attachment, new: tuple[Volume, ...] = ()) -> str:  # noqa: F811
    """An instance with volumes; its uuid."""
    made = replace(samples.new(name), volumes=attachments)
    (record,) = store.place(run, lambda seen: [replace(samples.placement(made), volumes=new)])
    return record.instance.uuid


def statuses(store: ports.Store) -> dict[str, tuple[str, str | None]]:  # noqa: F811
    return {record.volume.name: (record.status, record.instance) for record in store.volumes()}


@pytest.fixture
def run(store: ports.Store) -> ports.Run:  # noqa: F811
    return store.begin("apply", ["web1", "web2"])


def test_a_new_volume_is_known_and_counted(store: ports.Store, run: ports.Run) -> None:  # noqa: F811
    assert store.snapshot().next_volume == 1
    store.commit(run, [writes.NewVolume(DATA), writes.NewVolume(LOGS)])
    assert [(record.volume, record.status, record.instance) for record in store.volumes()] == [
        (DATA, "creating", None),
        (LOGS, "creating", None),
    ]
    assert store.snapshot().volumes == store.volumes()
    assert store.snapshot().next_volume == 3


def test_a_name_is_given_once(store: ports.Store, run: ports.Run) -> None:  # noqa: F811
    store.commit(run, [writes.NewVolume(DATA)])
    with pytest.raises(errors.Conflict, match="volume 'data' exists already"):
        store.commit(run, [writes.NewVolume(replace(LOGS, name="data"))])
    assert [record.volume.id for record in store.volumes()] == [DATA.id]


def test_a_status_moves_only_from_what_it_is(store: ports.Store, run: ports.Run) -> None:  # noqa: F811
    store.commit(run, [writes.NewVolume(DATA), writes.VolumeMove(DATA.id, "creating", "available")])
    with pytest.raises(errors.Conflict, match="volume 'data' is available, not creating"):
        store.commit(run, [writes.VolumeMove(DATA.id, "creating", "error", "no room")])
    assert statuses(store) == {"data": ("available", None)}


def test_an_instance_is_placed_with_its_volumes(store: ports.Store, run: ports.Run) -> None:  # noqa: F811
    store.commit(run, [writes.NewVolume(DATA, "available")])
    attached = (Attachment(DATA, "vdb"), Attachment(LOGS, "vdc", boot=True))
    uuid = placed(store, run, "web1", *attached, new=(LOGS,))
    (record,) = store.records()
    assert record.instance.volumes == attached
    assert statuses(store) == {"data": ("attaching", uuid), "logs": ("attaching", uuid)}


def test_a_volume_belongs_to_one_instance(store: ports.Store, run: ports.Run) -> None:  # noqa: F811
    store.commit(run, [writes.NewVolume(DATA, "available")])
    uuid = placed(store, run, "web1", Attachment(DATA, "vdb"))
    with pytest.raises(errors.Conflict, match="volume 'data' is attaching, not available"):
        placed(store, run, "web2", Attachment(DATA, "vdb"))
    assert statuses(store) == {"data": ("attaching", uuid)}
    assert [record.instance.name for record in store.records()] == ["web1"]


def test_a_device_is_one_volumes(store: ports.Store, run: ports.Run) -> None:  # noqa: F811
    store.commit(run, [writes.NewVolume(DATA, "available"), writes.NewVolume(LOGS, "available")])
    uuid = placed(store, run, "web1", Attachment(DATA, "vdb"))
    with pytest.raises(errors.Conflict):
        store.commit(run, [writes.VolumeMove(LOGS.id, "available", "attaching", None, uuid, "vdb")])


def test_detaching_is_seen_and_frees_at_its_end(store: ports.Store, run: ports.Run) -> None:  # noqa: F811
    uuid = placed(store, run, "web1", Attachment(DATA, "vdb"), new=(DATA,))
    store.commit(run, [writes.VolumeMove(DATA.id, "attaching", "in-use"), writes.VolumeMove(DATA.id, "in-use", "detaching")])
    assert [record.instance.volumes for record in store.records()] == [(Attachment(DATA, "vdb", status="detaching"),)]
    assert statuses(store) == {"data": ("detaching", uuid)}
    store.commit(run, [writes.VolumeMove(DATA.id, "detaching", "available")])
    assert [record.instance.volumes for record in store.records()] == [()]


def test_what_has_a_volume_is_not_forgotten(store: ports.Store, run: ports.Run) -> None:  # noqa: F811
    uuid = placed(store, run, "web1", Attachment(DATA, "vdb"), new=(DATA,))
    for write in (writes.Remove(uuid), writes.RemoveVolume(DATA.id)):
        with pytest.raises(errors.Conflict):
            store.commit(run, [write])
    store.commit(run, [writes.VolumeMove(DATA.id, "attaching", "available"), writes.Remove(uuid), writes.RemoveVolume(DATA.id)])
    assert (store.records(), store.volumes()) == ((), ())


def test_a_volume_grows(store: ports.Store, run: ports.Run) -> None:  # noqa: F811
    uuid = placed(store, run, "web1", Attachment(DATA, "vdb"), new=(DATA,))
    store.commit(run, [writes.AmendVolume(replace(DATA, size=5))])
    assert store.volumes()[0].volume.size == 5
    assert {record.instance.uuid: record.instance.volumes[0].volume.size for record in store.records()} == {uuid: 5}
