"""Many instances onto several hosts, each seeing those before it: where they go, and why some go nowhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from orchestrator.model.desired import Desired, Flavor, InstanceRequest, ServerGroup
from orchestrator.model.host import Capacity, Host
from orchestrator.model.scheduler import FILTERS, Options
from orchestrator.ports.store import Placement, Snapshot
from orchestrator.scheduling.filters import compute
from orchestrator.scheduling.host_state import HostState
from orchestrator.scheduling.place import Refused, Site, place
from orchestrator.scheduling.verdict import Verdict
from tests.samples import instances
from tests.scheduling.samples import IMAGE, aggregate

NAMES = ("n1", "n2", "n3")
SEEN = Capacity("machine", "boot", 8, 8192, 100, 100, "kvm", arch="x86_64")
FLAVORS = {
    "small": Flavor("small", 1, 512, 5),
    "large": Flavor("large", 2, 4096, 5),
    "fast": Flavor("fast", 1, 512, 5, extra_specs={"aggregate_instance_extra_specs:ssd": "true"}),
}


def site(name: str, seen: Capacity = SEEN, **words: object) -> Site:
    return Site(replace(Host(name, "192.0.2.11", reserved_memory_mb=0), **words), {}, seen)  # type: ignore[arg-type]


SITES = tuple(map(site, NAMES))


def wish(name: str, flavor: str = "small", **words: object) -> InstanceRequest:
    return replace(InstanceRequest(name, flavor, IMAGE.name, NAMES, where="site.yaml:9"), **words)  # type: ignore[arg-type]


def placed(
    wishes: Sequence[InstanceRequest], sites: Sequence[Site] = SITES, group: ServerGroup | None = None, options: Options | None = None
) -> tuple[tuple[Placement, ...], tuple[Refused, ...]]:
    """What becomes of the wishes, members of the group all of them if there is one."""
    members = [replace(each, server_group=group.name) if group else each for each in wishes]
    desired = Desired(FLAVORS, {IMAGE.name: IMAGE}, server_groups={group.name: group} if group else {})
    return place(members, desired, sites, instances.LINEAGE, Snapshot((), 1, {}), options=options or Options())


def homes(wishes: Sequence[InstanceRequest], *sites: Site, group: ServerGroup | None = None, options: Options | None = None) -> list[str]:
    """The host of each, "" for one that goes nowhere."""
    made, _ = placed(wishes, sites or SITES, group, options)
    found = {each.instance.name: each.instance.host for each in made}
    return [found.get(each.name, "") for each in wishes]


def several(count: int, flavor: str = "small") -> list[InstanceRequest]:
    return [wish(f"web-{number}", flavor) for number in range(count)]


def test_as_many_as_there_is_room_for_and_of_the_others_each_host_s_shortage() -> None:
    """50 instances of 1 GiB; 10 go onto each of three hosts."""
    hosts = [site(name, replace(SEEN, memory_mb=10 * 1024 + 100)) for name in NAMES]
    flavors = {**FLAVORS, "gib": Flavor("gib", 1, 1024, 0)}
    desired = Desired(flavors, {IMAGE.name: IMAGE})
    wishes = several(50, "gib")
    made, refused = place(wishes, desired, hosts, instances.LINEAGE, Snapshot((), 1, {}), options=Options())
    assert Counter(each.instance.host for each in made) == {"n1": 10, "n2": 10, "n3": 10}
    assert [each.request for each in refused] == wishes[30:]
    shortage = "memory: needs 1024 MiB, 100 of 10340 free"
    assert {each.error.why for each in refused} == {f"n1: {shortage}, n2: {shortage}, n3: {shortage}"}
    assert [each.error.what for each in refused[:1]] == ["no valid host for instance 'web-30'"]
    assert len({each.instance.uuid for each in made}) == 30


def test_anti_affinity() -> None:
    group = ServerGroup("web", "anti-affinity")
    assert homes(several(4), group=group) == ["n1", "n2", "n3", ""]
    assert homes(several(4), group=replace(group, max_server_per_host=2)) == ["n1", "n2", "n3", "n1"]


def test_affinity() -> None:
    small = site("n2", replace(SEEN, memory_mb=1024))
    assert homes(several(3), group=ServerGroup("web", "affinity")) == ["n1", "n1", "n1"]
    assert homes(several(3, "large"), group=ServerGroup("web", "affinity")) == ["n1", "n1", ""]
    assert homes(several(3), small, group=ServerGroup("web", "affinity")) == ["n2", "n2", ""]


def test_soft_policies_as_far_as_there_is_room() -> None:
    heavy = Options(multipliers={"soft_affinity_weight_multiplier": 10.0, "ram_weight_multiplier": 1.0})
    assert homes(several(3, "large"), group=ServerGroup("web", "soft-affinity"), options=heavy) == ["n1", "n1", "n2"]
    assert homes(several(4), group=ServerGroup("web", "soft-anti-affinity")) == ["n1", "n2", "n3", "n1"]


@pytest.mark.parametrize("policy", ["anti-affinity", "soft-anti-affinity", "soft-affinity"])
def test_members_of_a_group_are_no_reason_to_ask_all_hosts_again(policy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A group of 1,000 on 1,000 hosts takes seconds only if each member asks again of the hosts that changed, not of all."""
    asked: list[str] = []

    def judge(state: HostState, *_: object) -> Verdict:
        asked.append(state.host.name)
        return Verdict(True)

    monkeypatch.setattr(compute, "judge", judge)
    hosts = [site(f"n{number}") for number in range(20)]
    wishes = [replace(each, hosts=tuple(each.host.name for each in hosts)) for each in several(20)]
    assert "" not in homes(wishes, *hosts, group=ServerGroup("web", policy))
    assert len(asked) == 20 + 19


def test_zones() -> None:
    hosts = [site("n1"), site("n2", availability_zone="az2"), site("n3", availability_zone="az2")]
    wishes = [wish(f"web-{number}", availability_zone="az2") for number in range(3)]
    assert homes([*wishes, wish("other", availability_zone="az3")], *hosts) == ["n2", "n3", "n2", ""]


def test_aggregates_and_projects() -> None:
    hosts = [
        site("n1"),
        site("n2", aggregates=(aggregate(ssd="true"),)),
        site("n3", aggregates=(aggregate("reds", filter_tenant_id="red"),)),
    ]
    options = Options((*FILTERS, "AggregateInstanceExtraSpecsFilter", "AggregateMultiTenancyIsolation"))
    wishes = [wish("db", "fast"), wish("web"), wish("job", project="red")]
    assert homes(wishes, *hosts, options=options) == ["n2", "n1", "n3"]


def test_hints_name_instances_of_the_same_run() -> None:
    options = Options((*FILTERS, "SameHostFilter", "DifferentHostFilter"))
    wishes = [
        wish("db"),
        wish("backup", scheduler_hints={"different_host": "db"}),
        wish("cache", scheduler_hints={"same_host": "db"}),
        wish("third", scheduler_hints={"different_host": "db,backup"}),
        wish("lost", scheduler_hints={"same_host": "nobody"}),
    ]
    assert homes(wishes, options=options) == ["n1", "n2", "n1", "n3", ""]


def test_whom_hints_name_is_placed_before() -> None:
    """Else the first of the playbook would be placed as if it had no hint."""
    options = Options((*FILTERS, "DifferentHostFilter"))
    weights = replace(options, multipliers=dict.fromkeys(options.multipliers, 0.0))  # all equal: the first by name
    assert homes([wish("standby", scheduler_hints={"different_host": "db"}), wish("db")], options=weights) == ["n2", "n1"]


def test_a_host_that_is_disabled_or_silent_takes_none() -> None:
    assert homes(several(2), site("n1", disabled="new fan"), replace(site("n2"), problem="no route"), site("n3")) == ["n3", "n3"]
    _, (refused,) = placed(several(1), [site("n1", disabled="new fan"), replace(site("n2"), problem="no route")])
    assert refused.error.why == "n1: disabled: new fan, n2: not reached: no route"


def test_hosts_where_builds_failed_come_last() -> None:
    assert homes(several(2), replace(site("n1"), failed_builds=1), site("n2")) == ["n2", "n2"]
