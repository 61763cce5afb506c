"""The way out, as a guest and the world outside see it: real packets through the namespaces and rules that the steps make."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from orchestrator.facts import dhcp, gateway
from orchestrator.model import desired, names
from orchestrator.model.fabric import Fabric, Segment
from tests.fabric import throwaway
from tests.fabric.throwaway import Throwaway
from tests.samples import instances

pytestmark = [pytest.mark.practice_hosts, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]

STEPS = ("fabric.remove_namespaces", "fabric.ensure_namespaces", "fabric.ensure_gateways")
SUBNET = desired.Subnet("10.20.0.0/24", "10.20.0.1", nat=True)
OWNER = names.owner(instances.LINEAGE)
LISTEN = "busybox nc -l -p 99 -e echo hello"


def fabric(*bridges: str) -> Fabric:
    """A network with NAT on each of the bridges, all with the same addresses."""
    networks = (desired.Network(bridge, "", "vxlan", (SUBNET,)) for bridge in bridges)
    segments = (Segment(network, names.network_id(instances.LINEAGE, network.name), network.name) for network in networks)
    return Fabric("h1", instances.LINEAGE, tuple(segments))


@pytest.fixture
def host() -> Iterator[Throwaway]:
    """192.0.2.1, with the world at 192.0.2.2, and a guest 10.20.0.10 on each of two bridges."""
    with throwaway.host() as found:
        found.sh(
            "ip netns add world; ip link add eth0 type veth peer name wire netns world; ip address add 192.0.2.1/24 dev eth0; ip link set eth0 up"
        )
        found.sh("ip -n world address add 192.0.2.2/24 dev wire; ip -n world link set wire up; ip -n world link set lo up")
        for number in (1, 2):
            found.sh(
                f"ip link add br{number} type bridge mcast_snooping 0; ip link set br{number} up; ip netns add guest{number}\n"
                f"ip link add tap{number} type veth peer name ens3 netns guest{number}; ip link set dev tap{number} master br{number} up\n"
                f"ip -n guest{number} address add 10.20.0.10/24 dev ens3; ip -n guest{number} link set ens3 up\n"
                f"ip -n guest{number} route add default via 10.20.0.1"
            )
        yield found


def pings(host: Throwaway, who: str, whom: str) -> bool:
    return host.run("ip", "netns", "exec", who, "busybox", "ping", "-qc1", "-W2", whom, check=False).returncode == 0


def connects(host: Throwaway, who: str, whom: str) -> bool:
    """Whether a program that listens on port 99 is heard."""
    return host.run("ip", "netns", "exec", who, "busybox", "nc", "-w2", whom, "99", check=False).stdout == "hello\n"


def listen(host: Throwaway, *enter: str) -> None:
    host.run(*enter, "sh", "-c", f"while :; do {LISTEN}; done >/dev/null 2>&1 &")


def test_guests_reach_out_and_nobody_reaches_in(host: Throwaway) -> None:
    assert host.ensure(fabric("br1"), *STEPS) > 0
    listen(host, "ip", "netns", "exec", "world")
    listen(host, "ip", "netns", "exec", "guest1")
    listen(host)
    assert pings(host, "guest1", "10.20.0.1")
    assert pings(host, "guest1", "192.0.2.2")
    assert connects(host, "guest1", "192.0.2.2")
    near = gateway_of(host, "br1").near
    host.sh(f"ip -n world route add 10.20.0.0/24 via 192.0.2.1; ip -n world route add {near}/31 via 192.0.2.1")
    assert not pings(host, "world", "10.20.0.10")
    assert not connects(host, "world", "10.20.0.10")


def test_of_the_host_itself_guests_see_that_it_is_there(host: Throwaway) -> None:
    host.ensure(fabric("br1"), *STEPS)
    listen(host)
    assert pings(host, "guest1", "192.0.2.1")
    assert connects(host, "world", "192.0.2.1")
    near = gateway_of(host, "br1").near
    assert not any(connects(host, "guest1", address) for address in ("192.0.2.1", near, "10.20.0.1"))


def test_networks_with_the_same_addresses_do_not_meet(host: Throwaway) -> None:
    host.ensure(fabric("br1", "br2"), *STEPS)
    assert pings(host, "guest1", "192.0.2.2")
    assert pings(host, "guest2", "192.0.2.2")
    listen(host, "ip", "netns", "exec", "guest2")
    assert not connects(host, "guest1", gateway_of(host, "br2").far)


def test_a_forged_address_does_not_leave(host: Throwaway) -> None:
    host.ensure(fabric("br1"), *STEPS)
    host.sh("ip -n guest1 address add 10.66.0.1/24 dev ens3")
    ping = host.run("ip", "netns", "exec", "guest1", "busybox", "ping", "-qc1", "-W1", "-I", "10.66.0.1", "192.0.2.2", check=False)
    assert ping.returncode == 1
    counted = host.sh(f"iptables -vnxL {OWNER}gw-FORWARD").splitlines()[2]
    assert counted.split()[:2] == ["0", "0"]


@pytest.mark.parametrize(
    "damage",
    [
        "iptables -F OWNERgw-INPUT",
        "iptables -D FORWARD -j OWNERgw-FORWARD",
        "iptables -F; iptables -X; iptables -t nat -F; iptables -t nat -X",
        "iptables -I OWNERgw-INPUT -i DEVICE -j ACCEPT",
        "echo 0 >/proc/sys/net/ipv4/ip_forward",
        "ip link del dev DEVICE",
        "ip link set dev DEVICE down",
        "ip address flush dev DEVICE",
        "ip -n NAME route del default",
        "nsenter --net=/run/netns/NAME iptables -P FORWARD ACCEPT",
        "nsenter --net=/run/netns/NAME iptables -t nat -F",
        "ip netns del NAME",
    ],
)
def test_whatever_is_broken_is_mended(host: Throwaway, damage: str) -> None:
    host.ensure(fabric("br1", "br2"), *STEPS)
    segment = fabric("br1").segments[0]
    network = segment.id[: dhcp.DIGITS]
    for word, what in (("OWNER", OWNER), ("NAME", dhcp.namespace(OWNER, network)), ("DEVICE", gateway.device(network))):
        damage = damage.replace(word, what)
    host.sh(damage)
    assert host.ensure(fabric("br1", "br2"), *STEPS) > 0
    assert pings(host, "guest1", "192.0.2.2")
    assert pings(host, "guest2", "192.0.2.2")


def test_the_last_one_leaves_nothing_and_what_is_another_s_stays(host: Throwaway) -> None:
    host.sh(
        "iptables -N mine; iptables -A mine -j RETURN; iptables -I FORWARD -j mine; iptables -t nat -A POSTROUTING -s 10.99.0.0/24 -j ACCEPT"
    )
    host.sh(
        "iptables -N orc000000-FORWARD; iptables -I FORWARD -j orc000000-FORWARD; iptables -N orc000000gw-INPUT; iptables -A INPUT -j orc000000gw-INPUT"
    )
    before = left(host)
    host.ensure(fabric("br1", "br2"), *STEPS)
    hooks = [line for line in host.sh("iptables -S FORWARD").splitlines() if line.startswith("-A")]
    assert hooks == ["-A FORWARD -j orc000000-FORWARD", f"-A FORWARD -j {OWNER}gw-FORWARD", "-A FORWARD -j mine"]
    host.ensure(fabric("br2"), *STEPS)
    assert pings(host, "guest2", "192.0.2.2")
    host.ensure(fabric(), *STEPS)
    assert left(host) == before
    assert host.ensure(fabric(), *STEPS) == 0


def test_the_addresses_of_cables_are_nobody_else_s(host: Throwaway) -> None:
    one = replace(fabric("br1").segments[0], id=f"{0:08x}-0000-4000-8000-{0:012x}")
    two = replace(one, id=f"{16384 * 256:08x}-0000-4000-8000-{0:012x}", bridge="br2")
    host.sh("ip address add 169.254.128.0/31 dev eth0")
    host.ensure(Fabric("h1", instances.LINEAGE, (one, two)), *STEPS)
    assert pings(host, "guest1", "192.0.2.2")
    assert pings(host, "guest2", "192.0.2.2")
    nears = [line.split()[3] for line in host.sh("ip -4 -o address show to 169.254.0.0/16").splitlines()]
    assert len(set(nears)) == 3


def gateway_of(host: Throwaway, bridge: str) -> gateway.Gateway:
    key = gateway.Key(OWNER, fabric(bridge).segments[0].id[: dhcp.DIGITS])
    found = host.look((key,))[key]
    assert isinstance(found, gateway.Gateway)
    return found


def left(host: Throwaway) -> str:
    """All that the host has of links, namespaces and rules."""
    return host.sh("ls /sys/class/net /run/netns /var/lib; iptables-save | grep -v '^#' | sed 's/ \\[.*//'")
