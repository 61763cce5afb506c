"""What a Fleet keeps of verdicts and weights gives the same hosts as asking everything anew would, whatever was claimed in between."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from orchestrator.model import errors
from orchestrator.model.desired import ServerGroup
from orchestrator.model.instance import Device
from orchestrator.model.scheduler import MULTIPLIERS, Options
from orchestrator.scheduling import filters, pci, pick, rooms
from orchestrator.scheduling.host_state import HostState, Request
from tests.scheduling.samples import aggregate, host, request, resident

GROUPS = [None, *(ServerGroup(policy, policy, 2) for policy in ("affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity"))]
QUERIES = (["<", "$free_ram_mb", 3000], [">=", "$num_instances", 1], ["=", "$num_io_ops", 0])
ALL = tuple(sorted({*rooms.names(filters)} - {"ImagePropertiesFilter"}))


def anew(states: Sequence[HostState], wish: Request, options: Options) -> list[str]:
    """The hosts that fit, the best first: every filter and every weigher asked, nothing kept."""
    asked = rooms.filters_of(options)
    fit = [state for state in states if not state.problem and all(each.judge(state, wish, options).fits for each in asked)]
    total = [0.0] * len(fit)
    for weigher in rooms.weighers_of(options) if len(fit) > 1 else ():
        raw = [pick.value(state, weigher, wish, options) for state in fit]
        low = min([*raw, *([weigher.LOW] if hasattr(weigher, "LOW") else [])])
        high = max(raw)
        for number, value in enumerate(raw if high > low else ()):
            total[number] += pick.multiplier(fit[number], weigher, options) * ((value - low) / (high - low))
    return [fit[number].host.name for number in sorted(range(len(fit)), key=lambda each: -total[each])]


class Site(Struct, frozen=True):
    """A fleet, the shapes that are asked for, which of them in what order, and how."""

    states: tuple[HostState, ...]
    wishes: tuple[Request, ...]
    order: tuple[int, ...]
    options: Options


@st.composite
def sites(draw: st.DrawFn) -> Site:
    def state(name: str) -> HostState:
        said = draw(
            st.fixed_dictionaries(
                {
                    "vcpus": st.integers(2, 8),
                    "memory_mb": st.sampled_from((2048, 4096, 4097)),
                    "disk_gb": st.sampled_from((20, 40)),
                    "hypervisor_version": st.sampled_from((0, 7002000, 8000000)),
                    "failed_builds": st.integers(0, 1),
                    "problem": st.sampled_from(("", "", "", "no route")),
                    "metrics": st.fixed_dictionaries({"heat": st.integers(0, 2).map(float)}),
                    "pci_devices": st.sampled_from(({}, {"gpu": ("0000:81:00.0", "0000:82:00.0", "0000:83:00.0")})),
                }
            )
        )
        words = draw(st.dictionaries(st.sampled_from(("cpu_weight_multiplier", "max_instances_per_host")), st.sampled_from(("1", "3"))))
        return host(name=name, aggregates=(aggregate(**words),), **said)

    def wish(number: int) -> Request:
        group = draw(st.sampled_from(GROUPS))
        query = draw(st.none() | st.sampled_from(QUERIES))
        specs = draw(
            st.sampled_from(({}, {}, {"pci_passthrough:alias": "gpu:1"}, {"capabilities:num_instances": ">= 1"}, {"hw:numa_nodes": "1"}))
        )
        size = {"vcpus": draw(st.integers(1, 3)), "ram": draw(st.sampled_from((512, 1024))), "disk": draw(st.integers(0, 5))}
        found = request(specs, group, scheduler_hints={"query": json.dumps(query)} if query else {}, **size)
        flavor = replace(found.flavor, name=f"m{number}")
        return replace(found, flavor=flavor, instance=replace(found.instance, flavor=flavor.name))

    options = Options(
        ALL,
        multipliers={**MULTIPLIERS, **draw(st.dictionaries(st.sampled_from(sorted(MULTIPLIERS)), st.sampled_from((-1.0, 0.0, 0.5, 2.0))))},
        max_attempts=100,
        max_instances_per_host=4,
        metrics_weight_setting={"heat": -1.0},
    )
    wishes = tuple(wish(number) for number in range(draw(st.integers(1, 3))))
    order = draw(st.lists(st.integers(0, len(wishes) - 1), max_size=12))
    return Site(tuple(state(f"n{number}") for number in range(1, draw(st.integers(2, 4)))), wishes, tuple(order), options)


@given(sites())
def test_what_is_kept_answers_as_asking_anew(site: Site) -> None:
    fleet, states = pick.Fleet(site.states, site.options), {state.host.name: state for state in site.states}
    homes: dict[str, set[str]] = {}
    for number, each in enumerate(site.order):
        wish = site.wishes[each]
        if wish.group:
            wish = replace(wish, group_hosts=frozenset(homes.get(wish.group.name, ())))
        expected = anew(list(states.values()), wish, site.options)
        if not expected:
            with pytest.raises(errors.NoValidHost):
                fleet.pick(wish)
            continue
        decision = fleet.pick(wish)
        assert [decision.host, *decision.alternates] == expected
        # Each third goes elsewhere, as one that is placed by somebody else would.
        to = expected[0] if number % 3 else expected[-1]
        devices: tuple[Device, ...] = pci.choose(states[to], wish.flavor) or ()
        made = replace(
            resident(f"new{number}", host=to, devices=devices, server_group=wish.instance.server_group), flavor=wish.flavor, cells=()
        )
        fleet.claim(made)
        states[to] = states[to].claim(made)
        if made.server_group:
            homes.setdefault(made.server_group, set()).add(to)
        assert fleet.state(to) == states[to]


def test_a_host_that_fits_from_now_on_and_one_that_does_no_more() -> None:
    """Both at once, of which something was claimed since."""
    wish = request(scheduler_hints={"query": json.dumps(["=", "$num_instances", 1])}, disk=0)
    for names in itertools.permutations(("n1", "n2", "n3")):
        states = {name: host(*([resident()] if name == names[0] else []), name=name) for name in names}
        fleet = pick.Fleet(list(states.values()), Options(enabled_filters=("JsonFilter",)))
        assert fleet.pick(wish).host == names[0]
        for name in names[:2]:
            fleet.claim(resident("new", host=name))
        assert fleet.pick(wish).host == names[1]
        assert fleet.pick(wish).alternates == ()
