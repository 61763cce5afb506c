"""Explanations on whole fleets: one trip to each host, nothing written, groups and addresses as they are recorded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from orchestrator.model import desired, errors
from orchestrator.services import apply, explain, plan
from tests.scenarios.conftest import Site, build
from tests.scenarios.test_volumes import wished


@pytest.fixture
def three(tmp_path: Path) -> Iterator[Site]:
    made = build(tmp_path, "n1", "n2", "n3")
    yield made
    made.store.close()


def grouped(site: Site, policy: str, *names: str, ram: int = 64) -> desired.Desired:
    """Instances of one server group."""
    found = site.desired(*names, ram=ram)
    instances = {name: replace(wish, server_group="web") for name, wish in found.instances.items()}
    return replace(found, instances=instances, server_groups={"web": desired.ServerGroup("web", policy)})


def homes(answers: tuple[explain.Answer, ...]) -> dict[str, str]:
    return {each.name: each.now.decision.host if each.now and each.now.decision else "" for each in answers}


def test_it_asks_each_host_once_and_writes_nothing(three: Site) -> None:
    three.apply("a", "b")
    before = (three.store.records(), three.store.runs(), three.store.resources("failed_builds"), three.store.capacities())
    trips = {name: host.trips for name, host in three.fleet.hosts.items()}
    journal = {name: len(host.journal) for name, host in three.fleet.hosts.items()}
    explain.named(three.app, ["a", "b"], ("n1", "n2", "n3"))
    explain.playbooks(three.app, three.desired("a", "b", "c"))
    assert {name: host.trips - trips[name] for name, host in three.fleet.hosts.items()} == {"n1": 2, "n2": 2, "n3": 2}
    explain.without(three.app, ["n1"], ("n1", "n2", "n3"))
    assert three.fleet.hosts["n1"].trips == trips["n1"] + 2  # it is lost: nobody asks it
    assert {name: len(host.journal) for name, host in three.fleet.hosts.items()} == journal
    assert (three.store.records(), three.store.runs(), three.store.resources("failed_builds"), three.store.capacities()) == before


def test_what_is_said_of_new_instances_is_what_apply_does(three: Site) -> None:
    three.apply("big", ram=9000)
    wish = three.desired("a", "b", "c", "d", ram=7000)
    said = homes(explain.playbooks(three.app, wish))
    apply.apply(three.app, wish)
    assert said == {name: three.record(name).instance.host for name in "abcd"}


def test_its_own_claim_does_not_count_against_an_instance(three: Site) -> None:
    three.apply("a", ram=15000)
    (answer,) = explain.named(three.app, ["a"], ("n1",))
    assert answer.now
    assert answer.now.decision
    assert (answer.host, answer.now.decision.host) == ("n1", "n1")
    ram = dict(answer.now.hosts[0].verdicts)["ram"]
    assert ram.why == "memory: needs 15000 MiB, 15872 of 15872 free"


def test_those_of_a_lost_host_take_room_from_each_other(three: Site) -> None:
    wish = three.desired("a", "b", "c", "d", "e", "f", ram=7000)
    apply.apply(three.app, wish)
    assert sorted(record.instance.host for record in three.store.records()) == ["n1", "n1", "n2", "n2", "n3", "n3"]
    answers = explain.without(three.app, ["n1"], ("n1", "n2", "n3"))
    assert homes(answers) == dict.fromkeys(sorted(homes(answers)), "")
    three.act("destroy", next(record.instance.name for record in three.store.records() if record.instance.host == "n3"))
    first, second = explain.without(three.app, ["n1"], ("n1", "n2", "n3"))
    assert (first.fits, second.fits) == (True, False)
    assert second.now
    assert second.now.nearest
    assert (second.now.nearest.host, second.now.nearest.change) == ("n2", "5128 MiB more memory")


def test_a_group_holds_for_those_that_would_move(three: Site) -> None:
    apply.apply(three.app, grouped(three, "anti-affinity", "a", "b"))
    assert homes(explain.without(three.app, ["n1"], ("n1", "n2", "n3"))) == {"a": "n3"}
    apply.apply(three.app, grouped(three, "anti-affinity", "a", "b", "c"))
    (answer,) = explain.without(three.app, ["n1"], ("n1", "n2", "n3"))
    assert answer.now
    assert answer.now.nearest
    assert answer.now.nearest.change in ("lose b", "lose c")


def test_a_group_that_keeps_together_moves_together(three: Site) -> None:
    apply.apply(three.app, grouped(three, "affinity", "a", "b", "c"))
    assert {record.instance.host for record in three.store.records()} == {"n1"}
    assert homes(explain.without(three.app, ["n1"], ("n1", "n2", "n3"))) == {"a": "n2", "b": "n2", "c": "n2"}


def test_the_zone_that_was_asked_for_is_asked_for_again_and_no_other(three: Site) -> None:
    hosts = {**three.app.inventory.hosts, "n3": replace(three.app.inventory.hosts["n3"], availability_zone="az2")}
    three.app = replace(three.app, inventory=replace(three.app.inventory, hosts=hosts))
    wish = three.desired("a", "b", hosts=("n1", "n3"))
    apply.apply(three.app, replace(wish, instances={"a": wish.instances["a"], "b": replace(wish.instances["b"], availability_zone="nova")}))
    assert [three.record(name).instance.host for name in "ab"] == ["n1", "n1"]
    assert homes(explain.without(three.app, ["n1"], ("n1", "n3"))) == {"a": "n3", "b": ""}


def test_playbooks_say_where_those_of_a_lost_host_may_go(three: Site) -> None:
    wish = three.desired("a", hosts=("n1", "n2"))
    apply.apply(three.app, wish)
    three.fleet.unreachable("n2")
    (answer,) = explain.without(three.app, ["n1"], ("n1", "n2", "n3"), wish)
    assert answer.now
    assert [each.host for each in answer.now.hosts] == ["n2"]
    assert homes(explain.without(three.app, ["n1"], ("n1", "n2", "n3"))) == {"a": "n3"}
    gone = three.desired("a", state="absent")
    assert explain.without(three.app, ["n1"], ("n1", "n2", "n3"), gone) == ()


def test_a_volume_that_is_a_file_of_the_lost_host_goes_with_it(three: Site) -> None:
    apply.apply(three.app, wished(three, "data", backend="local"))
    (answer,) = explain.without(three.app, [three.record("vm").instance.host], ("n1", "n2", "n3"))
    assert answer.now
    assert answer.now.nearest
    assert answer.now.nearest.change == "have volume 'data'"


def test_what_cannot_be_asked_is_refused_as_by_plan(three: Site) -> None:
    three.apply("a")
    moved = three.desired("a")
    moved = replace(moved, instances={"a": replace(moved.instances["a"], project="red")})
    for ask in (explain.playbooks, plan.plan):
        with pytest.raises(errors.SpecErrors, match="project: default -> red"):
            ask(three.app, moved)  # type: ignore[operator]
    with pytest.raises(errors.NotFound, match="no host 'n9'"):
        explain.without(three.app, ["n9"], ("n1",))
