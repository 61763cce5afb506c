"""Cases of the filters: hosts, groups, hints, load."""

from __future__ import annotations

import json

from msgspec import Struct, field

from orchestrator.model.desired import ServerGroup
from orchestrator.model.scheduler import Options
from orchestrator.scheduling.host_state import HostState, Request
from tests.scheduling.samples import aggregate, host, request, resident

APART = ServerGroup("quorum", "anti-affinity")
NEAR = ServerGroup("pair", "affinity")
CELLS = {"hw:numa_nodes": "2"}


class Case(Struct, frozen=True):
    """`change` is "" where the host fits."""

    filter: str
    state: HostState
    request: Request
    why: str
    change: str = ""
    options: Options = field(default_factory=Options)


def asks(requirement: str, key: str = "capabilities:vcpus_total") -> Request:
    return request({key: requirement})


def query(*words: object) -> Request:
    return request(scheduler_hints={"query": json.dumps(words)})


ISOLATED = Options(isolated_hosts=("n1",), isolated_images=("windows",))
CASES = (
    Case("ComputeFilter", host(), request(), "answers and is enabled"),
    Case("ComputeFilter", host(disabled="new fan"), request(), "disabled: new fan", "not be disabled"),
    Case("ComputeFilter", host(problem="no route"), request(), "not reached: no route", "be reached"),
    Case("AllHostsFilter", host(disabled="new fan"), request(), "all hosts will do"),
    # affinity
    Case("ServerGroupAntiAffinityFilter", host(), request(), "no anti-affinity asked for"),
    Case("ServerGroupAntiAffinityFilter", host(resident()), request(group=APART), "members of 'quorum': has 0, takes 1"),
    Case(
        "ServerGroupAntiAffinityFilter",
        host(resident(server_group="quorum"), resident("cache")),
        request(group=APART),
        "members of 'quorum': has 1, takes 1",
        "lose db",
    ),
    Case(
        "ServerGroupAntiAffinityFilter",
        host(resident(server_group="quorum")),
        request(group=ServerGroup("quorum", "anti-affinity", 2)),
        "members of 'quorum': has 1, takes 2",
    ),
    Case(
        "ServerGroupAntiAffinityFilter",
        host(*(resident(name, server_group="quorum") for name in ("a", "b", "c"))),
        request(group=ServerGroup("quorum", "anti-affinity", 2)),
        "members of 'quorum': has 3, takes 2",
        "lose b, c",
    ),
    Case("ServerGroupAffinityFilter", host(), request(), "no affinity asked for"),
    Case("ServerGroupAffinityFilter", host(), request(group=NEAR), "group 'pair' is there, or nowhere yet"),
    Case("ServerGroupAffinityFilter", host(), request(group=NEAR, group_hosts=frozenset({"n1"})), "group 'pair' is there, or nowhere yet"),
    Case(
        "ServerGroupAffinityFilter",
        host(),
        request(group=NEAR, group_hosts=frozenset({"n2"})),
        "group 'pair' is on n2",
        "have the members of 'pair'",
    ),
    Case("SameHostFilter", host(), request(), "no same_host asked for"),
    Case("SameHostFilter", host(), request(scheduler_hints={"same_host": "db, web"}, homes={"db": "n2", "web": "n1"}), "same_host: has web"),
    Case(
        "SameHostFilter",
        host(),
        request(scheduler_hints={"same_host": "db,gone"}, homes={"db": "n2"}),
        "same_host: has none of db, gone",
        "have db or gone",
    ),
    Case("DifferentHostFilter", host(), request(), "no different_host asked for"),
    Case(
        "DifferentHostFilter",
        host(),
        request(scheduler_hints={"different_host": "db,gone"}, homes={"db": "n2"}),
        "different_host: has none of db, gone",
    ),
    Case(
        "DifferentHostFilter",
        host(),
        request(scheduler_hints={"different_host": "db,web"}, homes={"db": "n2", "web": "n1"}),
        "different_host: has web",
        "lose web",
    ),
    Case("SimpleCIDRAffinityFilter", host(), request(), "no build_near_host_ip asked for"),
    Case(
        "SimpleCIDRAffinityFilter",
        host(),
        request(scheduler_hints={"build_near_host_ip": "192.0.2.77"}),
        "build_near_host_ip: 192.0.2.11 is in 192.0.2.0/24",
    ),
    Case(
        "SimpleCIDRAffinityFilter",
        host(),
        request(scheduler_hints={"build_near_host_ip": "192.0.2.77", "cidr": "/26"}),
        "build_near_host_ip: 192.0.2.11 is not in 192.0.2.64/26",
        "be in 192.0.2.64/26",
    ),
    Case(
        "SimpleCIDRAffinityFilter",
        host(address="n1.example.com"),
        request(scheduler_hints={"build_near_host_ip": "2001:db8::1", "cidr": "/64"}),
        "build_near_host_ip: n1.example.com is no IP address",
        "local_ip in 2001:db8::/64",
    ),
    Case(
        "SimpleCIDRAffinityFilter",
        host(address="n1.example.com", local_ip="2001:db8::2"),
        request(scheduler_hints={"build_near_host_ip": "2001:db8::1", "cidr": "/64"}),
        "build_near_host_ip: 2001:db8::2 is in 2001:db8::/64",
    ),
    Case(
        "SimpleCIDRAffinityFilter",
        host(),
        request(scheduler_hints={"build_near_host_ip": "192.0.2.1", "cidr": "/99"}),
        "build_near_host_ip: 192.0.2.1/99 is no network",
        "be asked for a network",
    ),
    # load
    Case("IoOpsFilter", host(io_ops=7), request(), "io_ops: has 7, takes 8"),
    Case("IoOpsFilter", host(io_ops=9), request(), "io_ops: has 9, takes 8", "2 fewer io_ops"),
    Case("AggregateIoOpsFilter", host(io_ops=7), request(), "io_ops: has 7, takes 8"),
    Case(
        "AggregateIoOpsFilter",
        host(io_ops=2, aggregates=(aggregate("a", max_io_ops_per_host="9"), aggregate("b", max_io_ops_per_host="2"))),
        request(),
        "io_ops: has 2, takes 2",
        "1 fewer io_ops",
    ),
    Case(
        "AggregateIoOpsFilter",
        host(io_ops=2, aggregates=(aggregate("a", max_io_ops_per_host="many"), aggregate("b", max_io_ops_per_host="2"))),
        request(),
        "io_ops: has 2, takes 8",
    ),
    Case("NumInstancesFilter", host(resident()), request(), "instances: has 1, takes 50"),
    Case(
        "NumInstancesFilter",
        host(resident()),
        request(),
        "instances: has 1, takes 1",
        "1 fewer instances",
        Options(max_instances_per_host=1),
    ),
    Case("NumInstancesFilter", host(), request(), "instances: has 0, takes 0", "take any instances", Options(max_instances_per_host=0)),
    Case("AggregateNumInstancesFilter", host(resident()), request(), "instances: has 1, takes 50"),
    Case(
        "AggregateNumInstancesFilter",
        host(resident(), aggregates=(aggregate(max_instances_per_host="1"),)),
        request(),
        "instances: has 1, takes 1",
        "1 fewer instances",
    ),
    Case("MetricsFilter", host(), request(), "no metrics are weighed by"),
    Case("MetricsFilter", host(metrics={"heat": 3.0}), request(), "metrics: has heat", "", Options(metrics_weight_setting={"heat": -1.0})),
    Case(
        "MetricsFilter",
        host(metrics={"heat": 3.0}),
        request(),
        "metrics: noise not known of this host",
        "metrics: noise",
        Options(metrics_weight_setting={"heat": -1.0, "noise": 0.0}),
    ),
)  # fmt: skip
