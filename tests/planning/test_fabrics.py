"""What hosts share, worked out from all instances: what another host's instance changes here, and what it does not."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from orchestrator.model import desired
from orchestrator.model.host import Host
from orchestrator.model.instance import Instance
from orchestrator.planning import fabrics
from tests.samples import instances

HOSTS = {name: Host(name, f"192.0.2.{number}") for number, name in enumerate(("h1", "h2", "h3"), 1)}
ANYONE = desired.SecurityGroup("web", (desired.Rule("ingress", protocol="tcp", port_min=22),))
MEMBERS = desired.SecurityGroup("web", (desired.Rule("ingress", remote_group="web"),))
TUNNEL = desired.Network("private", "", "vxlan", segmentation_id=7)


def instance(number: int, host: str, network: desired.Network = instances.NETWORK) -> Instance:
    port = replace(instances.port(number), security_groups=("web",))
    return replace(instances.new(number, port), host=host, networks={network.name: network})


def world(group: desired.SecurityGroup, *there: Instance) -> fabrics.World:
    return fabrics.World(instances.LINEAGE, there, {group.name: group}, HOSTS)


@pytest.mark.parametrize(("group", "same"), [(ANYONE, True), (MEMBERS, False)])
def test_a_new_member_elsewhere_matters_where_a_rule_names_its_group(group: desired.SecurityGroup, same: bool) -> None:
    alone = fabrics.of(world(group, instance(1, "h1")), "h1")
    both = fabrics.of(world(group, instance(1, "h1"), instance(2, "h2")), "h1")
    assert (both == alone) is same
    assert (fabrics.digest(both) == fabrics.digest(alone)) is same


def test_members_are_those_of_all_hosts_in_order() -> None:
    found = fabrics.of(world(MEMBERS, instance(3, "h3"), instance(1, "h1"), instance(2, "h2")), "h2")
    assert found.groups["web"].members == ("10.20.0.10", "10.20.0.11", "10.20.0.12")


def test_tunnels_lead_to_each_other_host_once() -> None:
    there = [instance(number, host, TUNNEL) for number, host in enumerate(("h1", "h1", "h2", "h3", "h3"), 1)]
    assert [fabrics.of(world(ANYONE, *there), name).segments[0].peers for name in HOSTS] == [
        ("192.0.2.2", "192.0.2.3"),
        ("192.0.2.1", "192.0.2.3"),
        ("192.0.2.1", "192.0.2.2"),
    ]
