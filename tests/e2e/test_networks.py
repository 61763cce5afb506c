"""Networks between real guests on two hosts: a tunnel, VLANs on Open vSwitch; what is broken of them, repaired under running guests; nothing left."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.e2e.conftest import Lab, Operator, wait
from tests.e2e.guests import Guest

pytestmark = [pytest.mark.practice_hosts, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]

PLAY = """\
- hosts: {first}:{second}
  vars: {{first: {first}, second: {second}}}
  flavors:
    - {{name: tiny, vcpus: 1, ram: 128, disk: 1}}
  images:
    - {{name: guest, source: "{image}", properties: {{os_shutdown_timeout: 3}}}}
  networks:
    - name: tenant
      provider: {{type: vxlan, segmentation_id: 3001}}
      subnets: [{{cidr: 10.70.0.0/24, pool: 10.70.0.10-10.70.0.200}}]
    - name: red
      provider: {{type: vlan, physical_network: phys2, segmentation_id: 100}}
      driver: openvswitch
      subnets: [{{cidr: 10.71.0.0/24, pool: 10.71.0.10-10.71.0.200}}]
    - name: blue
      provider: {{type: vlan, physical_network: phys2, segmentation_id: 200}}
      driver: openvswitch
      subnets: [{{cidr: 10.71.0.0/24, pool: 10.71.0.10-10.71.0.200}}]
  instances:
    - {{name: left, hosts: "{first}", flavor: tiny, image: guest, config_drive: true,
       networks: [{{network: tenant, fixed_ip: 10.70.0.11}}, {{network: red, fixed_ip: 10.71.0.11}}]}}
    - {{name: right, hosts: "{second}", flavor: tiny, image: guest, config_drive: true,
       networks: [{{network: tenant, fixed_ip: 10.70.0.12}}, {{network: red, fixed_ip: 10.71.0.12}}]}}
    - {{name: here, hosts: "{first}", flavor: tiny, image: guest, config_drive: true, networks: [{{network: blue, fixed_ip: 10.71.0.21}}]}}
    - {{name: there, hosts: "{second}", flavor: tiny, image: guest, config_drive: true, networks: [{{network: blue, fixed_ip: 10.71.0.22}}]}}
"""
GROUP = """\
  security_groups:
    - {name: web, rules: [{direction: ingress, protocol: icmp}, {direction: ingress, protocol: tcp, port: 7777}]}
"""
NAMES = ("left", "right", "here", "there")
DEVICES = "for each in /sys/class/net/*; do echo ${each##*/}; done | sort; ovs-vsctl --columns=name,external_ids list Bridge; ovs-vsctl list-ports br-ex"


class Site:
    """The playbook applied; everybody up."""

    def __init__(self, lab: Lab, operator: Operator) -> None:
        self.lab, self.operator = lab, operator
        self.first, self.second = sorted(lab.hosts)[:2]
        self.playbook = operator.playbook("site.yaml", PLAY.format(first=self.first, second=self.second, image=lab.image))
        self.guests = {name: Guest(operator, name) for name in NAMES}
        operator("apply", self.playbook)
        for name, guest in self.guests.items():
            guest.address("eth0")
            if name in ("left", "right"):
                guest.address("eth1")

    def meets(self, name: str, address: str) -> bool:
        """Whether a guest reaches an address and is answered on TCP."""
        return self.guests[name].succeeds(f"ping -c 1 -W 3 {address} && nc -w 3 {address} 7777 </dev/null | grep .")

    def plan(self) -> str:
        """What apply would do, and what differs though it is left alone; empty when nothing."""
        done = self.operator("plan", "--detailed-exitcode", self.playbook, code=None)
        assert done.returncode in (0, 2), done.stderr
        return done.stdout if done.returncode or "left alone" in done.stdout else ""

    def flow(self) -> int:
        """Lines that have come back of the connection from `there` to `here`."""
        return int(self.guests["there"].run("wc -l </tmp/flow"))

    def bridge(self, name: str, network: str) -> str:
        """The Linux bridge of a guest's port."""
        return next(str(port["bridge"]) for port in self.guests[name].ports if port["network"] == network)


@pytest.fixture(scope="module")
def before(lab: Lab) -> Mapping[str, str]:
    """Each host's devices and switches, with a bridge of somebody else's."""
    for host in sorted(lab.hosts)[:2]:
        lab.script(host, "ip link add br-theirs type bridge; ip link set br-theirs alias theirs up")
    return {host: lab.script(host, DEVICES) for host in sorted(lab.hosts)[:2]}


@pytest.fixture(scope="module")
def site(lab: Lab, before: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    operator = Operator(lab, tmp_path_factory.mktemp("networks"))
    try:
        yield Site(lab, operator)
    finally:
        operator("destroy", "--yes", *operator.instances(), code=None)
        for host in before:
            lab.script(host, "ip link del br-theirs")


def test_guests_of_one_tunnel_meet(site: Site) -> None:
    assert site.meets("left", "10.70.0.12")
    assert site.meets("right", "10.70.0.11")
    assert "mtu 1450" in site.guests["left"].run("ip link show eth0")
    assert site.guests["left"].succeeds("ping -c 1 -W 3 -s 1422 10.70.0.12")


def test_guests_of_one_vlan_meet_and_of_others_do_not(site: Site) -> None:
    """Both have the same subnet."""
    assert site.meets("left", "10.71.0.12")
    assert site.meets("here", "10.71.0.22")
    for name, address in (("left", "10.71.0.21"), ("left", "10.71.0.22"), ("there", "10.71.0.12"), ("there", "10.71.0.11")):
        assert not site.guests[name].succeeds(f"ping -c 2 -W 1 {address}")
    assert site.plan() == ""


def test_rules_of_ports_on_a_switch_change_under_running_guests(site: Site) -> None:
    """One more port is let in, and shut again: with it goes the flow that it let in."""
    plain = Path(site.playbook).read_text()
    shut = plain.replace("  instances:", GROUP + "  instances:").replace("name: right, hosts", "name: right, security_groups: [web], hosts")
    other = site.operator.playbook("web.yaml", shut)
    site.operator("apply", other)
    assert site.meets("left", "10.71.0.12")
    assert not site.guests["left"].succeeds("echo hello | nc -w 3 10.71.0.12 7778 | grep hello")
    wider = site.operator.playbook("wider.yaml", shut.replace("port: 7777", "port: 7777-7778"))
    site.operator("apply", wider)
    site.guests["left"].run(
        "(setsid sh -c 'while :; do echo tick; sleep 0.2; done | nc 10.71.0.12 7778' >/tmp/live 2>&1 </dev/null &) ; sleep 2"
    )
    assert int(site.guests["left"].run("wc -l </tmp/live")) > 0
    site.operator("apply", other)
    lines = site.guests["left"].run("sleep 1; wc -l </tmp/live")
    assert site.guests["left"].run("sleep 3; wc -l </tmp/live") == lines, "the flow goes on"
    assert not site.guests["left"].succeeds("echo hello | nc -w 3 10.71.0.12 7778 | grep hello")
    site.operator("apply", site.playbook)
    assert site.plan() == ""


def test_what_is_broken_is_repaired_while_others_go_on(site: Site) -> None:
    site.guests["there"].run(
        "(setsid sh -c 'while :; do echo tick; sleep 0.2; done | nc 10.71.0.21 7778' >/tmp/flow 2>&1 </dev/null &) ; sleep 1"
    )
    bridge, own = site.bridge("left", "tenant"), site.bridge("left", "red").replace("qbr", "qvo")
    address = site.lab.hosts[site.second]["address"]
    for harm in (
        "ip link del vxlan-3001",
        f"bridge fdb del 00:00:00:00:00:00 dev vxlan-3001 dst {address}",
        f"ip link set {bridge} down",
        "ip link set vxlan-3001 nomaster",
    ):
        site.lab.script(site.first, harm)
        flowed = site.flow()
        assert "what its instances share" in site.plan()
        site.operator("apply", site.playbook)
        assert site.plan() == ""
        assert site.meets("left", "10.70.0.12"), harm
        assert wait(lambda flowed=flowed: str(site.flow() > flowed or ""), 10), harm
    for harm in (f"ip link del {bridge}", f"ovs-vsctl del-port {own}", f"ip link del {own}"):
        site.lab.script(site.first, harm)
        flowed = site.flow()
        assert site.plan() != "", harm
        site.operator("hard-reboot", "left")
        deadline = time.monotonic() + 90
        while not (site.meets("left", "10.70.0.12") and site.meets("left", "10.71.0.12")):
            assert time.monotonic() < deadline, harm
        assert site.plan() == ""
        assert wait(lambda flowed=flowed: str(site.flow() > flowed or ""), 10), harm


def test_with_the_last_instance_nothing_of_ours_is_left(site: Site, before: Mapping[str, str]) -> None:
    site.operator("destroy", "--yes", *NAMES)
    assert {host: site.lab.script(host, DEVICES) for host in before} == dict(before)
