"""Guests that ask for their addresses, and go out: DHCP and NAT on two hosts, from nothing to nothing."""

from __future__ import annotations

import os

import pytest

from tests.e2e.conftest import Lab, Operator
from tests.e2e.guests import Guest

pytestmark = [pytest.mark.practice_hosts, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]

PLAY = """\
- hosts: {first}:{second}
  flavors:
    - {{name: tiny, vcpus: 1, ram: 128, disk: 1}}
  images:
    - {{name: guest, source: "{image}", properties: {{os_shutdown_timeout: 3}}}}
  networks:
    - name: tenant
      provider: {{type: vxlan, segmentation_id: 2001}}
      subnets: [{{cidr: 10.68.0.0/24, gateway: 10.68.0.1, dns: [10.68.0.1], dhcp: true, nat: true, pool: 10.68.0.10-10.68.0.200}}]
  instances:
    - name: "{{{{ item }}}}"
      loop: [left, right]
      hosts: "{{{{ {{'left': '{first}', 'right': '{second}'}}[item] }}}}"
      flavor: tiny
      image: guest
      networks: [{{network: tenant}}]
"""
KILL = "pkill -9 -f [d]hcp-hostsfile=/var/lib/orchestrator/"
REMAINS = """ip netns list | grep orc; ls /sys/class/net | grep -E '^(dh|gw|tap|brq|vxlan)'; ls /var/lib/orchestrator | grep -v -x -e epochs -e volumes
ls /var/lib/orchestrator/volumes 2>/dev/null; iptables-save | grep orc; pgrep -f '[d]hcp-hostsfile=/var/lib/orchestrator/'; true"""


def test_guests_get_their_addresses_and_go_out(lab: Lab, operator: Operator) -> None:
    first, second = sorted(lab.hosts)[:2]
    site = operator.playbook("site.yaml", PLAY.format(first=first, second=second, image=lab.image))
    foreign = "ip netns add blue; iptables -I FORWARD -s 10.99.0.0/24 -j ACCEPT; iptables -S FORWARD"
    before = lab.script(first, foreign)
    try:
        operator("apply", site)
        left, right = Guest(operator, "left"), Guest(operator, "right")
        assert {left.address(), right.address()} == {"10.68.0.10", "10.68.0.11"}
        assert {each["fixed_ips"][0] for guest in (left, right) for each in guest.ports} == {left.address(), right.address()}  # type: ignore[index]
        outside = lab.script(first, "ip route show default").split()[2]
        for guest in (left, right):
            assert "via 10.68.0.1 " in guest.run("ip route show default")
            assert "mtu 1450" in guest.run("ip link show eth0")
            assert guest.succeeds("ping -c 1 -W 3 10.68.0.1")
            assert guest.succeeds(f"ping -c 1 -W 3 {outside}")
        _nobody_hears_the_other_host(lab, first, second)
        operator("plan", "--detailed-exitcode", site)
        _killed_and_served_again(lab, operator, site, left)
    finally:
        operator("destroy", "--yes", "left", "right", code=None)
    assert lab.script(first, "iptables -S FORWARD; ip netns del blue; iptables -D FORWARD -s 10.99.0.0/24 -j ACCEPT") == before
    assert [lab.script(host, REMAINS) for host in (first, second)] == ["", ""]


def _nobody_hears_the_other_host(lab: Lab, *hosts: str) -> None:
    """Each host's leases are its own ports'."""
    leases = [lab.script(host, "cat /var/lib/orchestrator/dhcp/*/hosts/*").splitlines() for host in hosts]
    assert [len(each) for each in leases] == [1, 1]
    assert leases[0] != leases[1]


def _killed_and_served_again(lab: Lab, operator: Operator, site: str, guest: Guest) -> None:
    host = str(guest.record["host"])
    lab.script(host, KILL)
    starts = lab.starts(host)
    assert operator("plan", "--detailed-exitcode", site, code=2).stdout.count("fabric.ensure_dhcp") == 1
    operator("apply", site)
    operator("plan", "--detailed-exitcode", site)
    assert lab.starts(host) == starts
    assert guest.succeeds("udhcpc -i eth0 -n -q -t 5 -T 2 -s /bin/true")
    lab.script(host, KILL)
    operator("hard-reboot", guest.name)
    operator("plan", "--detailed-exitcode", site)
    guest.wait_for(f"NET eth0 {guest.ports[0]['fixed_ips'][0]}", 90, boots=2)  # type: ignore[index]


def test_a_host_without_dnsmasq_starts_no_guest_and_says_why(lab: Lab, operator: Operator) -> None:
    first = sorted(lab.hosts)[0]
    site = operator.playbook("site.yaml", PLAY.format(first=first, second=first, image=lab.image))
    starts = lab.starts(first)
    lab.script(first, "mount --bind /dev/null /usr/sbin/dnsmasq")
    try:
        done = operator("apply", site, code=None)
        assert done.returncode != 0
        assert "the host has no dnsmasq: network tenant has a subnet with DHCP" in done.stdout + done.stderr
        assert lab.starts(first) == starts
    finally:
        lab.script(first, "umount /usr/sbin/dnsmasq")
