"""What every store makes of placements: all or none of them, decided on what is there, and nothing given twice."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from orchestrator.model import errors
from orchestrator.model.decision import Decision
from orchestrator.model.instance import Instance
from orchestrator.model.volume import Attachment, Volume
from orchestrator.ports import store as ports
from orchestrator.ports import writes
from tests.contracts.test_store import clock, one, opener, placed, states, store  # noqa: F401  # fixtures
from tests.store import samples


def test_placements_are_recorded_as_decided(store: ports.Store) -> None:  # noqa: F811
    run = store.begin("apply", ["web1", "web2"])
    made = samples.new("web2"), samples.new("web1")
    records = store.place(run, lambda seen: [samples.placement(made[0]), samples.placement(made[1], "stopped")])
    assert [record.instance for record in records] == list(made)
    assert store.records() == (records[1], records[0])
    first = records[0]
    assert (first.state, first.vm_state, first.task_state, first.power_state) == ("BUILDING", "building", "scheduling", 0)
    assert (first.wanted, first.decision, first.fault, records[1].wanted) == (
        "active",
        Decision(first.instance.host, "most free memory"),
        None,
        "stopped",
    )
    assert first.created_at == first.updated_at


def test_the_decision_sees_what_is_taken_and_numbers_are_never_used_twice(store: ports.Store) -> None:  # noqa: F811
    run, uuid = one(store)
    store.commit(run, [writes.Seen("h1", samples.CAPACITY)])
    seen: list[ports.Snapshot] = []

    def decide(snapshot: ports.Snapshot) -> Sequence[ports.Placement]:
        seen.append(snapshot)
        return []

    store.place(run, decide)
    store.commit(run, [writes.Remove(uuid)])
    store.place(run, decide)
    assert [(len(snapshot.records), snapshot.next_number) for snapshot in seen] == [(1, 2), (0, 2)]
    assert seen[0].capacities == {"h1": samples.CAPACITY}
    assert store.snapshot() == seen[1]


def test_a_decision_that_fails_changes_nothing(store: ports.Store) -> None:  # noqa: F811
    run = store.begin("apply", ["web1"])

    def decide(seen: ports.Snapshot) -> Sequence[ports.Placement]:
        raise errors.NoValidHost("no host has room")

    with pytest.raises(errors.NoValidHost):
        store.place(run, decide)
    assert store.records() == ()


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (samples.new("web1"), "name 'web1' is taken"),
        (samples.new("web2", samples.port("dmz", mac="FA:16:3E:00:00:01")), "MAC address fa:16:3e:00:00:01 is taken"),
        (samples.new("web2", samples.port("private", "10.0.0.7", "10.0.0.5")), "fixed IP 10.0.0.5 of network 'private' is taken"),
    ],
)
def test_what_is_taken_is_refused_with_the_owners_name(store: ports.Store, other: Instance, message: str) -> None:  # noqa: F811
    run = store.begin("apply", ["web0", "web1", "web2"])
    (first,) = placed(store, run, samples.new("web1", samples.port("private", "10.0.0.5", mac="fa:16:3e:00:00:01")))
    with pytest.raises(errors.Conflict) as caught:
        placed(store, run, samples.new("web0"), other)
    assert message in str(caught.value)
    assert "instance 'web1' has it" in str(caught.value)
    assert store.records() == (first,)
    store.commit(run, [writes.Remove(first.instance.uuid)])
    placed(store, run, other)


def test_the_same_address_in_another_network_is_free(store: ports.Store) -> None:  # noqa: F811
    run = store.begin("apply", ["web1", "web2"])
    placed(store, run, samples.new("web1", samples.port("a", "10.0.0.5")), samples.new("web2", samples.port("b", "10.0.0.5")))
    assert len(store.records()) == 2


def test_two_of_one_placement_may_not_share_an_address(store: ports.Store) -> None:  # noqa: F811
    run = store.begin("apply", ["web1", "web2"])
    with pytest.raises(errors.Conflict, match=r"web2.*web1"):
        placed(store, run, samples.new("web1", samples.port("a", "10.0.0.5")), samples.new("web2", samples.port("a", "10.0.0.5")))
    assert store.records() == ()


def test_a_port_that_comes_takes_nothing_of_anothers_and_one_that_left_frees_all(store: ports.Store) -> None:  # noqa: F811
    run = store.begin("apply", ["web1", "web2"])
    port = samples.port("private", "10.0.0.5")
    first, second = samples.new("web1", port), samples.new("web2", samples.port())
    store.place(run, lambda seen: [samples.placement(first), samples.placement(second)])
    for other, claim in (({"fixed_ips": ()}, "MAC address"), ({"mac": "fa:16:3e:99:99:99"}, "fixed IP")):
        taken = replace(port, id="another", **other)
        with pytest.raises(errors.Conflict, match=f"{claim}.*is taken"):
            store.commit(run, [writes.Amend(replace(second, ports=(*second.ports, taken)))])
    assert [record.instance for record in store.records()] == [first, second]
    more = replace(second, ports=(*second.ports, replace(port, id="another")))
    store.commit(run, [writes.Amend(replace(first, ports=())), writes.Amend(more)])
    assert [record.instance.ports for record in store.records()] == [(), more.ports]


def test_a_guest_that_was_found_is_recorded_at_rest_with_its_volumes(store: ports.Store) -> None:  # noqa: F811
    run = store.begin("adopt", ["web1", "web2"])
    volume = Volume("5d6cf1d4-6c0c-5c4c-9a10-7e1a1d5f8f52", "root", 1, "local", "h1", options={"path": "/srv/a"}, made=True)
    made = replace(samples.new("web1"), volumes=(Attachment(volume, "sda", True),))
    found = replace(samples.placement(made), volumes=(volume,), state="ACTIVE")
    off = replace(samples.placement(samples.new("web2"), "stopped"), state="STOPPED")
    records = store.place(run, lambda seen: [found, off])
    assert [(each.state, each.vm_state, each.task_state, each.power_state) for each in records] == [
        ("ACTIVE", "active", None, 1),
        ("STOPPED", "stopped", None, 4),
    ]
    (kept,) = store.volumes()
    assert (kept.volume, kept.status, kept.instance, kept.device, kept.boot) == (volume, "in-use", made.uuid, "sda", True)
    assert store.records()[0].instance.volumes == (Attachment(volume, "sda", True, "in-use"),)


def test_an_empty_store_goes_on_where_another_left_off(store: ports.Store) -> None:  # noqa: F811
    lineage = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
    run = store.begin("adopt", ["web1"])
    store.commit(run, [writes.Inherit(lineage, 4096, 4096)])
    assert (store.lineage, store.snapshot().next_number, store.snapshot().next_volume) == (lineage, 4096, 4096)
    placed(store, run, samples.new("web1"))
    store.commit(run, [writes.Inherit(lineage, 7, 7)])
    assert store.snapshot().next_number == 4097, "numbers never go back"
    with pytest.raises(errors.Conflict, match="it has had instances of its own"):
        store.commit(run, [writes.Inherit("00000000-7425-40de-944b-e07fc1f90ae7", 1, 1)])
    assert store.lineage == lineage
