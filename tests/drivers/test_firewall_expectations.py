"""What a run expects of a host's rules when another run works on the same host: more is no fault, less and other is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from orchestrator.facts import ipset, rules
from orchestrator.facts.gather import Facts, Key
from orchestrator.model import names
from orchestrator.model.fabric import Fabric
from orchestrator.states import step as steps
from tests.fakes.host import FakeFleet
from tests.fakes.state import State
from tests.samples import firewall, grounds, instances, situations

STEPS = (firewall.RULES, firewall.FRAMES)
ANOTHER = replace(firewall.BOTH, lineage=firewall.ANOTHER)


def done(first: Fabric, then: Fabric) -> tuple[dict[Key, object], Facts, FakeFleet]:
    """What the first run expects, and what is found once a second one has worked there too."""
    fleet, expected = FakeFleet([instances.HOST.name]), dict[Key, object]()
    for name in STEPS:
        step = steps.find_fabric(name)
        expected |= step.expects(first, situations.look(fleet, step.needs(first)))
        grounds.perform(fleet, name, first)
    for name in STEPS:
        grounds.perform(fleet, name, then)
    return expected, situations.look(fleet, expected), fleet


@pytest.mark.parametrize("then", [firewall.BOTH, firewall.SERVED, ANOTHER, firewall.ONE], ids=["port", "server", "store", "nothing"])
def test_more_is_no_fault(then: Fabric) -> None:
    expected, found, _ = done(firewall.ONE, then)
    assert [key for key, value in expected.items() if found[key] != value] == []


def test_more_on_an_operators_bridge_is_no_fault() -> None:
    """Where the host itself may route to a guest, a rule names the bridge alone."""
    expected, found, _ = done(firewall.FLAT, replace(firewall.BOTH, segments=firewall.FLAT.segments))
    assert [key for key, value in expected.items() if found[key] != value] == []


@pytest.mark.parametrize("then", [firewall.NONE, firewall.FREE, replace(firewall.ONE, groups={})], ids=["gone", "free", "no group"])
def test_less_is_a_fault(then: Fabric) -> None:
    expected, found, _ = done(firewall.ONE, then)
    assert any(found[key] != value for key, value in expected.items())


@pytest.mark.parametrize("event", [firewall.UNHOOKED, firewall.EMPTIED, firewall.OPENED, firewall.BEHIND, firewall.FORGED])
def test_what_somebody_breaks_is_a_fault(event: Callable[[State], None]) -> None:
    expected, _, fleet = done(firewall.ONE, firewall.BOTH)
    event(fleet.hosts[instances.HOST.name])
    found = situations.look(fleet, expected)
    assert any(found[key] != value for key, value in expected.items())


def test_what_was_to_go_must_be_gone() -> None:
    """The port's chain, its rules in the chains of all, and its address."""
    fleet = FakeFleet([instances.HOST.name])
    for name in STEPS:
        grounds.perform(fleet, name, firewall.BOTH)
    for name in STEPS:
        step = steps.find_fabric(name)
        facts = situations.look(fleet, step.needs(firewall.ONE))
        assert all(facts[key] != value for key, value in step.expects(firewall.ONE, facts).items() if isinstance(value, rules.Rules))
    step = steps.find_fabric(firewall.RULES)
    facts = situations.look(fleet, step.needs(firewall.ALONE))
    key = ipset.Key(names.owner(instances.LINEAGE))
    assert facts[key] != step.expects(firewall.ALONE, facts)[key]
