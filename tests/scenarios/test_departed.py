"""Hosts that the inventory does not have any more, or calls otherwise: what is there is left as it is."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from orchestrator.model.host import Inventory
from orchestrator.services import apply, plan
from tests.scenarios.conftest import Site, site

__all__ = ["site"]


def test_a_host_that_left_the_inventory_loses_nothing(site: Site) -> None:
    apply.apply(site.app, site.desired("web", hosts=("n1",)))
    apply.apply(site.app, site.desired("db", hosts=("n2",)))
    before, recorded = list(site.fleet.hosts["n1"].journal), site.record("web")
    less = Inventory({"n2": site.app.inventory.hosts["n2"]}, {"all": ("n2",)})
    left = Site(site.fleet, site.store, replace(site.app, inventory=less), site.image)
    assert apply.apply(left.app, left.desired("db", "more", hosts=("n2",))).exit_code == 0
    wish = left.desired("web", "db", "third", hosts=("n2",))
    made, _ = plan.plan(left.app, wish)
    assert [(each.name, each.host, each.verb) for each in made.changes] == [
        ("web", "n1", "unreachable"),
        ("db", "n2", "none"),
        ("third", "n2", "create"),
    ]
    report = apply.apply(left.app, wish)
    assert (report.exit_code, {each.name: each.status for each in report.outcomes}) == (
        4,
        {"web": "unreachable", "db": "unchanged", "third": "changed"},
    )
    assert "host 'n1' has left the inventory" in report.outcomes[0].fault
    left.act("stop", "db")
    for verb in ("start", "hard-reboot", "stop", "destroy"):
        done = left.act(verb, "web", "db")
        assert (done.exit_code, {each.name: each.status for each in done.outcomes}) == (4, {"web": "unreachable", "db": "changed"}), verb
        assert "host 'n1' has left the inventory" in done.outcomes[0].fault
    assert site.fleet.hosts["n1"].journal == before
    assert site.record("web") == recorded


def test_a_host_that_goes_by_another_name_is_left_as_it_is(site: Site) -> None:
    """What its guests share would look as if nothing needed it."""
    apply.apply(site.app, site.desired("web", hosts=("n1",)))
    machine, there = site.fleet.hosts["n1"], site.app.inventory.hosts["n1"]
    site.fleet.hosts["node1"] = machine
    before = list(machine.journal)
    renamed = replace(site.app, inventory=Inventory({"node1": replace(there, name="node1")}, {"all": ("node1",)}))
    report = apply.apply(renamed, site.desired("web", "third", hosts=("node1",)))
    assert (report.exit_code, {each.name: each.status for each in report.outcomes}) == (4, {"web": "unreachable", "third": "unreachable"})
    assert "host 'node1' is the machine that was called 'n1'" in report.unreachable["node1"]
    assert machine.journal == before
    del site.fleet.hosts["node1"]
    assert apply.apply(site.app, site.desired("web", "third", hosts=("n1",))).exit_code == 0


@pytest.mark.parametrize("state", ["active", "stopped", "absent"])
def test_what_is_wished_of_what_is_on_a_host_that_left_waits_until_it_is_back(site: Site, state: str) -> None:
    apply.apply(site.app, site.desired("web", hosts=("n1",)))
    recorded, before = site.record("web"), list(site.fleet.hosts["n1"].journal)
    less = Inventory({"n2": site.app.inventory.hosts["n2"]}, {"all": ("n2",)})
    wish = site.desired("web", state=state, ram=128, hosts=("n2",))
    wish = replace(wish, instances={"web": replace(wish.instances["web"], tags=("new",), networks=())})
    consents = frozenset({"reboot", "rebuild", "destroy"})
    assert apply.apply(replace(site.app, inventory=less, allow=consents), wish).exit_code == 4
    assert (site.record("web"), site.fleet.hosts["n1"].journal) == (recorded, before)
    back = apply.apply(replace(site.app, allow=consents), wish)
    assert (back.exit_code, [each.status for each in back.outcomes]) == (0, ["changed"])
