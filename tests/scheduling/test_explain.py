"""What is said of hosts: by every filter, by every weigher, the same as pick decides by; and the smallest change that would let an instance fit."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from orchestrator.model import errors
from orchestrator.model.decision import Decision
from orchestrator.model.desired import Flavor, InstanceRequest
from orchestrator.model.host import Capacity, Host
from orchestrator.model.scheduler import Options
from orchestrator.scheduling import explain, host_state, pick, rooms
from orchestrator.scheduling.host_state import HostState, Request

NAMES = tuple(f"n{number}" for number in range(1, 7))


def state(name: str, memory: int = 4096, disk: int = 100, vcpus: int = 4, zone: str = "nova", **seen: str) -> HostState:
    capacity = Capacity(name, "", vcpus, memory, disk, disk, "qemu")
    return host_state.of(Host(name, name, availability_zone=zone, reserved_memory_mb=0), capacity, (), **seen)  # type: ignore[arg-type]


def request(ram: int = 1024, disk: int = 10, vcpus: int = 1, zone: str | None = None, hosts: Sequence[str] = NAMES) -> Request:
    wish = InstanceRequest("web", "small", "", tuple(hosts), availability_zone=zone)
    return Request(wish, Flavor("small", vcpus, ram, disk))


def decide(states: Sequence[HostState], asked: Request, options: Options) -> Decision | None:
    try:
        return pick.Fleet(states, options).pick(asked)
    except errors.NoValidHost:
        return None


def explained(states: Sequence[HostState], asked: Request) -> explain.Explanation:
    options = Options()
    return explain.decided("web", explain.judge(states, asked, options), decide(states, asked, options))


def test_every_filter_and_every_weigher_has_its_say() -> None:
    options = Options()
    found = explained([state("n1"), state("n2", memory=512, zone="az2")], request(zone="nova"))
    assert [each.host for each in found.hosts] == ["n1", "n2"]
    for judged in found.hosts:
        assert [name for name, _ in judged.verdicts] == [each.NAME for each in rooms.filters_of(options)]
    assert [weight.weigher for weight in found.hosts[0].weights] == [each.NAME for each in rooms.weighers_of(options)]
    assert found.hosts[1].weights == ()
    assert [name for name, _ in found.hosts[1].lacking] == ["availability zone", "ram"]


def test_the_smallest_change_is_of_the_fewest_filters_and_then_the_least() -> None:
    small, far = state("n1", memory=1000, disk=5), state("n2", memory=512)
    found = explained([small, far, state("n3", memory=1000)], request())
    assert found.decision is None
    assert [each.host for each in found.hosts] == ["n3", "n2", "n1"]
    assert found.nearest
    assert (found.nearest.host, found.nearest.change) == ("n3", "24 MiB more memory")
    assert found.hosts[2].change == "5 GiB more disk, 24 MiB more memory"


def test_of_a_host_that_did_not_answer_nothing_else_is_said() -> None:
    found = explained([replace(state("n1"), problem="no route to host")], request())
    (judged,) = found.hosts
    assert [(name, verdict.why) for name, verdict in judged.verdicts] == [("ComputeFilter", "not reached: no route to host")]
    assert judged.change == "be reached"


def test_no_host_at_all_is_near_nothing() -> None:
    assert explained([], request()).nearest is None


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([512, 2048, 4096]), st.sampled_from([5, 50]), st.sampled_from([1, 4]), st.sampled_from(["nova", "az2"])),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from([None, "az2"]),
    st.sampled_from([256, 2048, 3000]),
)
def test_what_is_explained_is_what_is_decided(sizes: list[tuple[int, int, int, str]], zone: str | None, ram: int) -> None:
    states = [state(name, *size) for name, size in zip(NAMES, sizes, strict=False)]
    asked = request(ram, zone=zone)
    judged = explain.judge(states, asked, Options())
    decision = decide(states, asked, Options())
    fit = [each for each in judged if each.fits]
    assert bool(fit) == (decision is not None)
    if decision is None:
        return
    assert [each.host for each in fit][:4] == [decision.host, *decision.alternates]
    assert tuple(weight for weight in fit[0].weights if weight.multiplier) == decision.weights
    unfit = {each.host: each.lacking[0][1].why for each in judged if not each.fits}
    assert unfit == decision.rejected
    assert all(each.change for each in judged if not each.fits)
