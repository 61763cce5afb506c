"""DHCP as a machine in the network sees it: the real dnsmasq, in the namespaces that the steps make."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from orchestrator.facts import dhcp
from orchestrator.model import desired, names
from orchestrator.model.fabric import Fabric, Lease, Segment
from tests.fabric import throwaway
from tests.fabric.test_networks import OVS, needs_ovs
from tests.fabric.throwaway import Throwaway
from tests.samples import instances

pytestmark = [pytest.mark.practice_hosts, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]

STEPS = ("fabric.remove_namespaces", "fabric.ensure_namespaces", "fabric.ensure_dhcp")
SUBNET = desired.Subnet("10.20.0.0/24", "10.20.0.1", ("9.9.9.9", "10.20.0.2"), dhcp=True, host_routes=(("10.9.0.0/16", "10.20.0.7"),))
NETWORK = desired.Network("private", "", "vxlan", (SUBNET,), 7)
FLAT = desired.Network("private", "phys0", "flat", (SUBNET,))
OWNER = names.owner(instances.LINEAGE)
LEFT = "ls /sys/class/net /var/lib /run/netns; ip link show dev dh-mine; pgrep -a dnsmasq"
TELL = """#!/bin/sh
[ "$1" != bound ] || env
"""


def fabric(*numbers: int, network: desired.Network = NETWORK) -> Fabric:
    """A host with a port of each number, in bridge br-phys0."""
    ports = tuple(instances.port(number) for number in numbers)
    leases = tuple(Lease(port, f"web-{number}") for port, number in zip(ports, numbers, strict=True))
    segment = Segment(network, names.network_id(instances.LINEAGE, "private"), "br-phys0", leases=leases)
    return Fabric("h1", instances.LINEAGE, (segment,) if numbers else (), ports)


@pytest.fixture
def host() -> Iterator[Throwaway]:
    with throwaway.host() as found:
        found.sh("ip link add br-phys0 type bridge mcast_snooping 0 && ip link set br-phys0 up")
        yield found


def guest(host: Throwaway, number: int) -> None:
    """A machine on the bridge, with the MAC address of a port."""
    mac = instances.port(number).mac
    host.sh(
        f"ip netns add guest{number}; ip -n guest{number} link add tap{number} type veth peer name ens3\n"
        f"ip -n guest{number} link set dev tap{number} netns $$; ip link set dev tap{number} master br-phys0 up\n"
        f"ip -n guest{number} link set dev ens3 address {mac} up; printf '%s' '{TELL}' >/run/tell; chmod +x /run/tell"
    )


def ask(host: Throwaway, number: int) -> dict[str, str]:
    """What the machine is told; nothing when nobody answers it."""
    client = (
        "busybox",
        "udhcpc",
        "-i",
        "ens3",
        "-s",
        "/run/tell",
        "-nqf",
        "-t3",
        "-T1",
        "-O",
        "mtu",
        "-O",
        "staticroutes",
        "-O",
        "hostname",
    )
    said = host.run("ip", "netns", "exec", f"guest{number}", *client, check=False).stdout
    return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)


def test_a_guest_is_told_its_address_and_all_that_goes_with_it(host: Throwaway) -> None:
    host.ensure(fabric(1), *STEPS)
    guest(host, 1)
    told = ask(host, 1)
    wanted = {"ip": "10.20.0.10", "mask": "24", "router": "10.20.0.1", "dns": "9.9.9.9 10.20.0.2", "mtu": "1450", "hostname": "web-1"}
    assert {word: told.get(word) for word in wanted} == wanted
    assert (told["serverid"], told["lease"]) == ("10.20.0.254", "86400")
    assert told["staticroutes"] == "10.9.0.0/16 10.20.0.7 0.0.0.0/0 10.20.0.1"


def test_nobody_else_hears_it(host: Throwaway) -> None:
    host.ensure(fabric(1), *STEPS)
    guest(host, 2)
    assert ask(host, 2) == {}


def test_ports_come_and_go_and_the_server_stays(host: Throwaway) -> None:
    host.ensure(fabric(1), *STEPS)
    guest(host, 1)
    guest(host, 2)
    before = pids(host)
    assert host.ensure(fabric(1, 2), *STEPS) == 2  # the lease, and a reload
    assert (ask(host, 1)["ip"], ask(host, 2)["ip"]) == ("10.20.0.10", "10.20.0.11")
    host.ensure(fabric(2), *STEPS)
    assert (ask(host, 1), ask(host, 2)["ip"]) == ({}, "10.20.0.11")
    assert pids(host) == before


@needs_ovs
@pytest.mark.parametrize(("network", "same", "other"), [(replace(NETWORK, type="vlan", segmentation_id=100), 100, 200), (FLAT, 0, 100)])
def test_on_a_switch_it_serves_its_own_vlan(host: Throwaway, network: desired.Network, same: int, other: int) -> None:
    host.sh(f"{OVS}\novs-vsctl add-br br-ex -- set Bridge br-ex datapath_type=netdev")
    plain = fabric(1, 2, network=replace(network, driver="openvswitch"))
    there = replace(plain, segments=tuple(replace(each, bridge="br-ex") for each in plain.segments))
    host.ensure(there, *STEPS)
    for number, tag in ((1, same), (2, other)):
        guest(host, number)
        host.sh(
            f"ip link set tap{number} nomaster; ip netns exec guest{number} ethtool -K ens3 tx off; ovs-vsctl add-port br-ex tap{number} tag={tag}"
        )
    assert ask(host, 1)["ip"] == "10.20.0.10"
    assert ask(host, 2) == {}
    host.sh(f"ovs-vsctl set port dh{there.segments[0].id[:11]} tag=300")
    assert host.ensure(there, *STEPS) == 1
    assert ask(host, 1)["ip"] == "10.20.0.10"
    host.ensure(fabric(), *STEPS)
    assert host.sh("ovs-vsctl list-ports br-ex").split() == ["tap1", "tap2"]


@pytest.mark.skipif(not shutil.which("dhclient"), reason="needs a client of DHCPv6")
def test_a_guest_that_asks_is_told_its_ipv6_address(host: Throwaway) -> None:
    subnet = desired.Subnet("2001:db8::/64", "2001:db8::1", ("2001:db8::53",), dhcp=True)
    plain = fabric(1, network=replace(NETWORK, subnets=(SUBNET, subnet)))
    port = replace(instances.port(1), fixed_ips=("10.20.0.10", "2001:db8::a"))
    host.ensure(replace(plain, segments=(replace(plain.segments[0], leases=(Lease(port, "web-1"),)),)), *STEPS)
    guest(host, 1)
    host.sh("printf '#!/bin/sh\\nenv >>/run/told6\\n' >/run/tell6; chmod +x /run/tell6; mkdir /var/lib/dhcp; sleep 2")
    client = "dhclient -6 -1 -sf /run/tell6 -lf /run/leases6 -pf /run/pid6 ens3"
    host.run("ip", "netns", "exec", "guest1", "sh", "-c", f"timeout 15 {client}; true")
    told = host.sh("cat /run/told6")
    assert "new_ip6_address=2001:db8::a\n" in told
    assert "new_dhcp6_name_servers=2001:db8::53\n" in told


def test_a_server_that_died_serves_again(host: Throwaway) -> None:
    host.ensure(fabric(1), *STEPS)
    guest(host, 1)
    host.run("kill", "-9", *pids(host))
    assert host.ensure(fabric(1), *STEPS) == 1
    assert ask(host, 1)["ip"] == "10.20.0.10"


def test_another_configuration_takes_the_server_s_place(host: Throwaway) -> None:
    host.ensure(fabric(1), *STEPS)
    guest(host, 1)
    host.ensure(fabric(1, network=replace(NETWORK, subnets=(replace(SUBNET, gateway=None, host_routes=(), dns=()),))), *STEPS)
    assert len(pids(host)) == 1
    told = ask(host, 1)
    assert (told["ip"], told.get("router"), told.get("dns"), told.get("staticroutes")) == ("10.20.0.10", None, None, None)


@pytest.mark.parametrize(
    "damage",
    [
        "ip link del dev DEVICE",
        "ip link set dev DEVICE nomaster",
        "ip link set dev DEVICE down",
        "ip link set dev DEVICE mtu 1400",
        "ip netns del NAME",
        "ip -n NAME address flush dev eth0",
        "ip -n NAME address add 10.20.0.99/24 dev eth0",
        "rm -r /var/lib/orchestrator",
        "umount /run/netns/NAME",
    ],
)
def test_whatever_is_broken_is_mended(host: Throwaway, damage: str) -> None:
    host.ensure(fabric(1), *STEPS)
    guest(host, 1)
    segment = fabric(1).segments[0]
    host.sh(damage.replace("NAME", dhcp.namespace(OWNER, segment.id)).replace("DEVICE", f"dh{segment.id[:11]}"))
    assert host.ensure(fabric(1), *STEPS) > 0
    assert len(pids(host)) == 1
    assert ask(host, 1)["ip"] == "10.20.0.10"


def test_nothing_is_left_after_the_last_port_and_what_is_another_s_stays(host: Throwaway) -> None:
    host.sh("ip netns add orc000000-net-00000000-00; ip netns add blue; ip link add dh-mine type bridge")
    host.sh(
        "mkdir -p /run/x; ip netns exec blue dnsmasq --conf-file= --port=0 --leasefile-ro --pid-file=/run/x/pid --dhcp-range=10.20.0.0,static"
    )
    before = host.sh(LEFT)
    host.ensure(fabric(1, 2), *STEPS)
    host.ensure(fabric(), *STEPS)
    assert host.sh(LEFT) == before
    assert host.ensure(fabric(), *STEPS) == 0


def pids(host: Throwaway) -> list[str]:
    """The servers that run."""
    return host.run("pgrep", "-f", "dhcp-hostsfile=/var/lib/orchestrator/", check=False).stdout.split()
