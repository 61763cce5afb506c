"""What networks, subnets and security groups become, and what instances ask of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestrator.model import errors
from orchestrator.model.desired import DEFAULT_GROUP, Desired, Network, NetworkRequest, Rule, SecurityGroup, Subnet

Load = Callable[..., Desired]
OUT = (Rule("egress", "IPv4"), Rule("egress", "IPv6"))

NETWORKS = """
- networks:
    - {name: flat, provider: {type: flat, physical_network: phys0}, mtu: 9000}
    - {name: seven, provider: {type: vlan, physical_network: phys0, segmentation_id: 7}, port_security_enabled: no}
    - {name: other, provider: {type: vlan, physical_network: phys1, segmentation_id: 7}, driver: openvswitch}
    - name: private
      provider: {type: vxlan, segmentation_id: 7}
      nat: true
      subnets:
        - {cidr: 10.0.0.0/24, gateway: 10.0.0.1, dhcp: true, dns: [10.0.0.2]}
        - {cidr: 10.0.1.0/24, nat: false, host_routes: [{destination: 0.0.0.0/0, nexthop: 10.0.1.9}, {destination: 10.9.0.0/16, nexthop: 10.0.1.9}]}
        - {cidr: "fd00::/64", dhcp: true}
    - name: partly
      provider: {type: vxlan, segmentation_id: 8}
      subnets: [{cidr: 10.1.0.0/24, gateway: 10.1.0.1, nat: true}, {cidr: 10.1.1.0/24}]
"""


def test_networks(load: Load) -> None:
    routes = (("0.0.0.0/0", "10.0.1.9"), ("10.9.0.0/16", "10.0.1.9"))
    private = (
        Subnet("10.0.0.0/24", "10.0.0.1", ("10.0.0.2",), dhcp=True, nat=True),
        Subnet("10.0.1.0/24", host_routes=routes),
        Subnet("fd00::/64", dhcp=True),
    )
    assert load(NETWORKS).networks == {
        "flat": Network("flat", "phys0", mtu=9000),
        "seven": Network("seven", "phys0", "vlan", segmentation_id=7, port_security=False),
        "other": Network("other", "phys1", "vlan", segmentation_id=7, driver="openvswitch"),
        "private": Network("private", "", "vxlan", private, 7),
        "partly": Network("partly", "", "vxlan", (Subnet("10.1.0.0/24", "10.1.0.1", nat=True), Subnet("10.1.1.0/24")), 8),
    }


def test_an_address_is_the_dhcp_servers_only_where_there_is_one(load: Load) -> None:
    text = """
- networks: [{name: n, provider: {type: vxlan, segmentation_id: 1}, subnets: [{cidr: 10.0.0.0/24, dhcp: DHCP}]}]
  flavors: [{name: f, vcpus: 1, ram: 64, disk: 1}]
  images: [{name: i, source: disk.qcow2}]
  hosts: all
  instances: [{name: web, flavor: f, image: i, networks: [{network: n, fixed_ip: 10.0.0.254}]}]
"""
    assert load(text.replace("DHCP", "false")).instances["web"].networks[0].fixed_ip == "10.0.0.254"
    with pytest.raises(errors.SpecErrors, match="DHCP server"):
        load(text.replace("DHCP", "true"))
    with pytest.raises(errors.SpecErrors) as caught:
        load(text.replace("dhcp: DHCP", "host_routes: [{nexthop: 10.0.0.9}]").replace("cidr", "cdr"))
    assert not [error for error in caught.value.errors if "fixed_ip" in str(error)]  # of subnets nothing is known that could be said


def test_an_unknown_key_is_told_whatever_became_of_its_value(load: Load) -> None:
    text = "- flavors: [{name: f, vcpus: 1, ram: 64, disk: 1, SPECS}]"
    for wrong, key in (("dsk: '{{ nope }}'", "dsk"), ("extra_specs: {hw_cpu_cores: null}", "extra_specs.hw_cpu_cores")):
        with pytest.raises(errors.SpecErrors, match=f"unknown key '{key}' in flavor 'f'"):
            load(text.replace("SPECS", wrong))


def rules(load: Load, *written: str) -> tuple[Rule, ...]:
    """What these rules become, in a group that says what goes out."""
    lines = "".join(f"        - {{{line}}}\n" for line in ("direction: egress", *written))
    found = load(f"- security_groups:\n    - name: web\n      rules:\n{lines}").security_groups["web"].rules
    assert found[0] == Rule("egress")
    return found[1:]


@pytest.mark.parametrize(
    ("written", "rule"),
    [
        ("", Rule("ingress")),
        ("protocol: any, ethertype: ipv6", Rule("ingress", "IPv6")),
        ("protocol: tcp, port: 22", Rule("ingress", "IPv4", "tcp", 22, 22)),
        ('protocol: TCP, port: "80-443"', Rule("ingress", "IPv4", "tcp", 80, 443)),
        ("protocol: 17, port: 53", Rule("ingress", "IPv4", "udp", 53, 53)),
        ("protocol: sctp", Rule("ingress", "IPv4", "sctp")),
        ("protocol: gre", Rule("ingress", "IPv4", "47")),
        ("protocol: 255", Rule("ingress", "IPv4", "255")),
        ("protocol: icmp", Rule("ingress", "IPv4", "icmp")),
        ("protocol: icmp, type: 8, code: 0", Rule("ingress", "IPv4", "icmp", 8, 0)),
        ("protocol: icmp, type: 3", Rule("ingress", "IPv4", "icmp", 3)),
        ("protocol: icmp, ethertype: IPv6", Rule("ingress", "IPv6", "icmpv6")),
        ("protocol: ipv6-icmp, type: 128", Rule("ingress", "IPv6", "icmpv6", 128)),
        ("protocol: 58", Rule("ingress", "IPv6", "icmpv6")),
        ('protocol: icmp, remote_cidr: "fd00::/8"', Rule("ingress", "IPv6", "icmpv6", remote_cidr="fd00::/8")),
        ("remote_cidr: 0.0.0.0/0", Rule("ingress", "IPv4", remote_cidr="0.0.0.0/0")),
        ('remote_cidr: "::/0"', Rule("ingress", "IPv6", remote_cidr="::/0")),
        ("remote_cidr: 10.0.0.7/32, description: the probe", Rule("ingress", "IPv4", remote_cidr="10.0.0.7/32")),
        ("remote_group: web", Rule("ingress", "IPv4", remote_group="web")),
        ("remote_group: default, ethertype: IPv6", Rule("ingress", "IPv6", remote_group="default")),
    ],
)
def test_rules(written: str, rule: Rule, load: Load) -> None:
    assert rules(load, f"direction: ingress, {written}".rstrip(", ")) == (rule,)


def test_a_rule_for_each_ip_version_is_two_rules(load: Load) -> None:
    found = rules(
        load, "direction: ingress, remote_cidr: 0.0.0.0/0", 'direction: ingress, remote_cidr: "::/0"', "direction: egress, protocol: tcp"
    )
    assert len(found) == 3


def test_a_group_that_says_nothing_of_egress_lets_everything_out(load: Load) -> None:
    found = load(
        "- security_groups: [{name: a}, {name: b, rules: [{direction: ingress}]}, {name: c, rules: [{direction: egress, protocol: tcp}]}]"
    )
    assert {name: group.rules for name, group in found.security_groups.items() if name != DEFAULT_GROUP} == {
        "a": OUT,
        "b": (*OUT, Rule("ingress")),
        "c": (Rule("egress", "IPv4", "tcp"),),
    }


def test_the_default_group_is_declared_only_where_a_playbook_says_so(load: Load) -> None:
    """It is always there; but a playbook that does not speak of it must not change the one that another declared."""
    assert load(NETWORKS).security_groups == {}
    found = load("- security_groups: [{name: default, rules: [{direction: ingress, protocol: icmp}]}]").security_groups
    assert found == {DEFAULT_GROUP: SecurityGroup(DEFAULT_GROUP, (*OUT, Rule("ingress", "IPv4", "icmp")))}


def test_a_group_has_256_rules_at_most(load: Load) -> None:
    text = "- security_groups:\n    - name: web\n      rules:\n"
    ports = [f"        - {{direction: ingress, protocol: tcp, port: {number}}}\n" for number in range(1, 258)]
    assert len(load(text + "".join(ports[:256])).security_groups["web"].rules) == 258
    with pytest.raises(errors.SpecErrors, match="257 of them, at most 256"):
        load(text + "".join(ports))


INSTANCES = """
- hosts: all
  networks: [{name: n, provider: {type: vxlan, segmentation_id: 1}}, {name: open, provider: {type: vxlan, segmentation_id: 2}, port_security_enabled: false}]
  security_groups: [{name: web}]
  instances:
    - {name: plain, state: absent, networks: [{network: n}]}
    - {name: none, state: absent, networks: [{network: n}], security_groups: []}
    - {name: web, state: absent, networks: [{network: n, security_groups: [default, web]}, {network: open}], security_groups: [web]}
    - {name: bare, state: absent, networks: [{network: n, port_security_enabled: false, security_groups: []}]}
"""


def test_what_instances_ask_for(load: Load) -> None:
    found = {name: (wish.security_groups, wish.networks) for name, wish in load(INSTANCES).instances.items()}
    assert found == {
        "plain": (("default",), (NetworkRequest("n"),)),
        "none": ((), (NetworkRequest("n"),)),
        "web": (("web",), (NetworkRequest("n", security_groups=("default", "web")), NetworkRequest("open"))),
        "bare": (("default",), (NetworkRequest("n", port_security=False, security_groups=()),)),
    }
