"""From any rules to any others: what differs is changed, what is others' is not."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from orchestrator.drivers.firewall import layout
from orchestrator.facts import rules
from orchestrator.model.fabric import Fabric, Group
from tests.fakes import netfilter
from tests.fakes.host import FakeFleet
from tests.fakes.state import State
from tests.samples import grounds, groups, instances

STEPS = ("fabric.ensure_rules", "fabric.ensure_frames")
EVERY = groups.every_rule()
MEMBERS = st.lists(st.sampled_from(["10.20.0.10", "10.20.0.11", "10.30.0.1", "2001:db8::a", "2001:db8::b"]), unique=True).map(sorted)
GROUP = st.tuples(st.lists(st.sampled_from(EVERY), max_size=6), MEMBERS)
THEIRS = ("ACCEPT", "DROP", "RETURN")


@st.composite
def fabrics(draw: st.DrawFn) -> Fabric:
    made = {name: draw(GROUP) for name in ("web", "admin")}
    names = st.lists(st.sampled_from(["web", "admin"]), unique=True)
    ports = [
        replace(groups.port(number, *draw(names)), port_security=draw(st.booleans()))
        for number in draw(st.sets(st.integers(1, 4)))
        if number
    ]
    network = draw(st.sampled_from([groups.NETWORK, groups.FLAT, groups.SERVED]))
    return groups.fabric(
        *ports, network=network, groups=[Group(name, tuple(each), tuple(members)) for name, (each, members) in made.items()]
    )


def foreign(state: State, places: list[tuple[str, str, int]]) -> None:
    """Rules of somebody else's in built-in chains, at any place."""
    for chain, verdict, place in places:
        for tool in ("iptables", "ip6tables"):
            there = state.filters.setdefault(tool, {}).setdefault("filter", {name: [] for name in netfilter.PACKETS["filter"]})[chain]
            there.insert(min(place, len(there)), f"-s 192.0.2.{len(there)} -j {verdict}" if tool == "iptables" else f"-j {verdict}")


def others(state: State) -> list[str]:
    return [
        line for tool in netfilter.BUILT_IN for line in netfilter.save(state, tool) if "orc7c9e66" not in line and line.startswith("-A")
    ]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(fabrics(), min_size=1, max_size=3),
    st.lists(st.tuples(st.sampled_from(["FORWARD", "INPUT"]), st.sampled_from(THEIRS), st.integers(0, 4)), max_size=4),
)
def test_whatever_was_there_before(row: list[Fabric], places: list[tuple[str, str, int]]) -> None:
    fleet = FakeFleet([instances.HOST.name])
    state = fleet.hosts[instances.HOST.name]
    for fabric in row:
        foreign(state, places)
        before = others(state)
        for name in STEPS:
            grounds.perform(fleet, name, fabric)
        assert others(state) == before
        for version, tool in ((4, "iptables"), (6, "ip6tables")):
            assert ours(state, tool) == {
                path: list(dict.fromkeys(map(rules.rule, each))) for path, each in layout.rules(fabric, version).items()
            }
            hooked = state.filters.get(tool, {}).get("filter", {}).get("FORWARD", [])
            assert [each.startswith("-j orc7c9e66") for each in hooked[:2]] == [True, True] or not fabric.ports
        assert {name: tuple(members) for name, (_, members) in state.sets.items()}.keys() == layout.sets(fabric).keys()
    assert state.unknown == []


def ours(state: State, tool: str) -> dict[str, list[rules.Rule]]:
    tables = state.filters.get(tool, {})
    return {
        f"{table}/{chain}": [rules.rule(each) for each in there]
        for table, chains in tables.items()
        for chain, there in chains.items()
        if chain.startswith("orc7c9e66-")
    }
