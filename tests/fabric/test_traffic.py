"""Who reaches whom under the rules: machines on a real bridge, each a namespace behind a tap of a port's name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

import pytest
from msgspec.structs import replace

from orchestrator.model.desired import Rule
from orchestrator.model.fabric import Fabric, Group
from orchestrator.model.instance import Port
from tests.fabric import machines, throwaway
from tests.fabric.machines import connects, pings, serve
from tests.fabric.throwaway import Throwaway
from tests.samples import groups, instances

pytestmark = [pytest.mark.practice_hosts, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]
STEPS = ("fabric.ensure_rules", "fabric.ensure_frames")
OUTSIDE = replace(instances.port(9, bridge=groups.BRIDGE), fixed_ips=("10.20.0.200", "2001:db8::200"))
"""A machine beyond the host: what it is told passes the bridge's uplink."""


@pytest.fixture
def host() -> Iterator[Throwaway]:
    with throwaway.host() as found:
        found.sh(f"ip link add {groups.BRIDGE} type bridge mcast_snooping 0 && ip link set {groups.BRIDGE} up; mkdir -p /run/py")
        for port in (groups.ONE, groups.TWO, OUTSIDE):
            machines.plug(found, port)
        yield found


def rules(*rules_: Rule, ports: Iterable[Port] = (groups.ONE, groups.TWO), network: object = groups.NETWORK) -> Fabric:
    """Both ports in a group with these rules, and everything out."""
    found = tuple(replace(each, security_groups=("web",)) for each in ports)
    return groups.fabric(*found, network=network, groups=(groups.group("web", (*groups.OUT, *rules_), found),))  # type: ignore[arg-type]


PORT = Rule("ingress", protocol="tcp", port_min=7777, port_max=7777)


@pytest.mark.parametrize("origin", [groups.ONE, OUTSIDE], ids=["of this host", "beyond it"])
def test_what_is_allowed_connects_and_nothing_else(host: Throwaway, origin: Port) -> None:
    serve(host, groups.TWO, 7777)
    serve(host, groups.TWO, 7778)
    host.ensure(rules(PORT), *STEPS)
    assert connects(host, origin, groups.TWO, 7777)
    assert not connects(host, origin, groups.TWO, 7778)
    assert not connects(host, origin, groups.TWO, 7777, 6)
    assert not pings(host, origin, groups.TWO)
    host.ensure(rules(PORT, replace(PORT, ethertype="IPv6"), groups.PING), *STEPS)
    assert connects(host, origin, groups.TWO, 7777, 6)
    assert pings(host, origin, groups.TWO)
    assert not pings(host, origin, groups.TWO, 6)


def test_what_a_guest_begins_comes_back_but_not_without_an_egress_rule(host: Throwaway) -> None:
    serve(host, OUTSIDE, 7777)
    host.ensure(rules(), *STEPS)
    assert connects(host, groups.ONE, OUTSIDE, 7777)
    assert connects(host, groups.ONE, OUTSIDE, 7777, 6)
    silent = replace(rules(), groups={"web": Group("web", (), ())})
    host.ensure(silent, *STEPS)
    assert not connects(host, groups.ONE, OUTSIDE, 7777)
    assert not connects(host, groups.ONE, OUTSIDE, 7777, 6)
    host.ensure(replace(silent, ports=tuple(replace(each, port_security=False) for each in silent.ports)), *STEPS)
    assert connects(host, groups.ONE, OUTSIDE, 7777)


def test_members_of_a_remote_group_come_in(host: Throwaway) -> None:
    serve(host, groups.TWO, 7777)
    remote = rules(Rule("ingress", remote_group="web"), Rule("ingress", "IPv6", remote_group="web"))
    host.ensure(remote, *STEPS)
    assert connects(host, groups.ONE, groups.TWO, 7777)
    assert connects(host, groups.ONE, groups.TWO, 7777, 6)
    assert not connects(host, OUTSIDE, groups.TWO, 7777)
    more = replace(remote, groups={"web": replace(remote.groups["web"], members=(*remote.groups["web"].members, *OUTSIDE.fixed_ips))})
    host.ensure(more, *STEPS)
    assert connects(host, OUTSIDE, groups.TWO, 7777)
    host.ensure(remote, *STEPS)
    assert not connects(host, OUTSIDE, groups.TWO, 7777)


@pytest.mark.parametrize("manner", ["listens", "talks"])
@pytest.mark.parametrize("gone", ["rule", "member"])
def test_a_flow_that_is_not_allowed_any_more_is_cut(host: Throwaway, manner: str, gone: str) -> None:
    """Whichever end goes on speaking: nothing more arrives. Another connection of the guest's goes on."""
    serve(host, groups.TWO, 7777, manner)
    serve(host, groups.TWO, 22)
    before = rules(PORT, groups.SSH)
    after = rules(groups.SSH)
    if gone == "member":
        before = rules(Rule("ingress", remote_group="friends"), groups.SSH)
        before = replace(before, groups={**before.groups, "friends": Group("friends", (), (OUTSIDE.fixed_ips[0],))})
        after = replace(before, groups={**before.groups, "friends": Group("friends", (), ())})
    host.ensure(before, *STEPS)
    machines.listen(host, OUTSIDE, groups.TWO, 7777, manner)
    machines.listen(host, OUTSIDE, groups.TWO, 22)
    host.ensure(after, *STEPS)
    host.sh("sleep 0.3")
    cut, on = machines.heard(host, 7777), machines.heard(host, 22)
    host.sh("sleep 1")
    assert machines.heard(host, 7777) == cut
    assert machines.heard(host, 22) > on


def frame(source: str, ethertype: str, payload: str, to: str = "ffffffffffff") -> str:
    """A frame in hex."""
    return (to + source.replace(":", "") + ethertype + payload).ljust(120, "0")


def arp(mac: str, address: str, kind: str = "0001") -> str:
    sender = mac.replace(":", "") + bytes(map(int, address.split("."))).hex()
    return f"000108000604{kind}{sender}" + "000000000000" + bytes((10, 20, 0, 11)).hex()


def udp(source: str, to: str, ports: tuple[int, int]) -> str:
    """An IPv4 packet, without checksums that anybody here looks at; `cafe` is its content."""
    head = "4500002200000000" + "4011" + "0000" + "".join(bytes(map(int, each.split("."))).hex() for each in (source, to))
    total = sum(int(head[n : n + 4], 16) for n in range(0, 40, 4))
    checksum = 0xFFFF - ((total & 0xFFFF) + (total >> 16))
    return head[:20] + f"{checksum:04x}" + head[24:] + f"{ports[0]:04x}{ports[1]:04x}000e0000" + "cafecafecafe"


MAC, OTHER = groups.ONE.mac, groups.TWO.mac
ADDRESS, ELSEWHERE = groups.ONE.fixed_ips[0], groups.TWO.fixed_ips[0]
TO = OUTSIDE.fixed_ips[0]
NOBODY = "0.0.0.0"  # noqa: S104  # no socket is bound
ADVERTISEMENT = (
    "6000000000103aff" + "fe80000000000000f8163efffe000001" + "ff020000000000000000000000000001" + "8600000040000708000000000000cafe"
)
FORGED = {
    "another's MAC address": frame(OTHER, "0800", udp(ADDRESS, TO, (7, 7))),
    "another's IP address": frame(MAC, "0800", udp(ELSEWHERE, TO, (7, 7))),
    "another's IP address in ARP": frame(MAC, "0806", arp(MAC, "10.20.0.1", "0002") + "cafe"),
    "another's MAC address in ARP": frame(MAC, "0806", arp(OTHER, ADDRESS, "0002") + "cafe"),
    "an answer of DHCP": frame(MAC, "0800", udp(ADDRESS, TO, (67, 68))),
    "an answer of DHCP to all": frame(MAC, "0800", udp(ADDRESS, "255.255.255.255", (67, 68))),
    "within a VLAN tag": frame(MAC, "8100", "00010800" + udp(ADDRESS, TO, (7, 7))),
    "RARP": frame(MAC, "8035", arp(MAC, ADDRESS) + "cafe"),
    "LLDP": frame(MAC, "88cc", "cafe"),
    "a router advertisement": frame(MAC, "86dd", ADVERTISEMENT),
}
HONEST = {
    "UDP": frame(MAC, "0800", udp(ADDRESS, TO, (7, 7))),
    "ARP": frame(MAC, "0806", arp(MAC, ADDRESS) + "cafe"),
    "an ARP probe": frame(MAC, "0806", arp(MAC, NOBODY) + "cafe"),
    "a wish for DHCP": frame(MAC, "0800", udp(NOBODY, "255.255.255.255", (68, 67))),
}


def test_what_a_guest_forges_reaches_nobody(host: Throwaway) -> None:
    """Frames are counted where they arrive, three of each are sent: what is honest arrives, and without port security everything does."""
    host.ensure(rules(), *STEPS)
    arrived = machines.counted(host, groups.ONE, OUTSIDE, {**FORGED, **HONEST})
    assert arrived == {**dict.fromkeys(FORGED, 0), **dict.fromkeys(HONEST, 3)}
    host.ensure(rules(ports=(replace(groups.ONE, port_security=False), groups.TWO)), *STEPS)
    assert machines.counted(host, groups.ONE, OUTSIDE, FORGED) == dict.fromkeys(FORGED, 3)


def test_what_nobody_can_judge_reaches_no_guest(host: Throwaway) -> None:
    """A frame from beyond the host that hides what it carries."""
    host.ensure(rules(), *STEPS)
    hidden = {name: FORGED[name].replace(MAC.replace(":", ""), OUTSIDE.mac.replace(":", "")) for name in ("within a VLAN tag", "LLDP")}
    assert machines.counted(host, OUTSIDE, groups.TWO, hidden) == dict.fromkeys(hidden, 0)


def test_the_host_itself_is_reached_by_what_may_go_out(host: Throwaway) -> None:
    """A bridge with an address of the host's: what comes to the host, or goes on through it, is judged too."""
    host.sh(f"ip address add 10.20.0.1/24 dev {groups.BRIDGE}")
    machines.begin(host, "", "server", machines.SERVE, "7777", "listens")
    flat = rules(network=groups.FLAT)
    host.ensure(flat, *STEPS)
    gateway = replace(OUTSIDE, fixed_ips=("10.20.0.1", "2001:db8::1"))
    assert connects(host, groups.ONE, gateway, 7777)
    host.ensure(replace(flat, groups={"web": Group("web", (), ())}), *STEPS)
    assert not connects(host, groups.ONE, gateway, 7777)


def test_what_the_host_routes_is_judged_as_well(host: Throwaway) -> None:
    """Another network behind the host: in only by a rule, out and back, in the operator's own NAT as well."""
    host.sh(f"""
        ip address add 10.20.0.1/24 dev {groups.BRIDGE}; sysctl -q -w net.ipv4.ip_forward=1
        ip netns add far; ip -n far link add eth0 type veth peer name far; ip -n far link set dev far netns $$; ip link set dev far up
        ip address add 10.99.0.1/24 dev far; ip -n far address add 10.99.0.2/24 dev eth0; ip -n far link set dev eth0 up
        ip -n far route add default via 10.99.0.1; ip -n {groups.ONE.tap} route add default via 10.20.0.1
    """)
    machines.begin(host, "far", "server", machines.SERVE, "7777", "listens")
    far = replace(OUTSIDE, tap="far", fixed_ips=("10.99.0.2", ""))
    serve(host, groups.ONE, 7777)
    host.ensure(rules(network=groups.FLAT), *STEPS)
    assert connects(host, groups.ONE, far, 7777)
    assert not connects(host, far, groups.ONE, 7777)
    host.sh("iptables -t nat -A POSTROUTING -o far -j MASQUERADE; ip -n far route del default")
    assert connects(host, groups.ONE, far, 7777)
    host.sh("ip -n far route add default via 10.99.0.1")
    host.ensure(rules(PORT, network=groups.FLAT), *STEPS)
    assert connects(host, far, groups.ONE, 7777)


def test_equal_addresses_of_two_networks_are_two_things(host: Throwaway) -> None:
    """A zone each: a flow of one network opens nothing in the other."""
    host.ensure(rules(PORT), *STEPS)
    serve(host, groups.TWO, 7777)
    assert connects(host, groups.ONE, groups.TWO, 7777)
    zones = {line.split("zone=")[1].split()[0] for line in host.sh("conntrack -L 2>/dev/null").splitlines() if "zone=" in line}
    assert len(zones) == 1
    assert host.sh("conntrack -L -w 0 2>/dev/null | grep -c 10.20 || true").strip() == "0"
