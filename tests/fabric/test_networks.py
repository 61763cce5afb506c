"""Bridges, tunnels and switches in a real kernel, between throw-away hosts; a namespace at the end of a veth pair stands for a guest."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from orchestrator.commands.command import Action
from orchestrator.facts import fdb, link, ovs
from orchestrator.model import desired, errors, names
from orchestrator.model.fabric import Fabric
from orchestrator.model.instance import Instance
from orchestrator.states import step as steps
from tests.fabric import throwaway
from tests.fabric.throwaway import Throwaway
from tests.samples import instances
from tests.samples.networks import NOTHING, OWNER, PLAIN, VLAN, VXLAN, fabric, segment

pytestmark = [pytest.mark.practice_hosts, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]
needs_ovs = pytest.mark.skipif(not shutil.which("ovs-vswitchd"), reason="needs Open vSwitch")
needs_vlans = pytest.mark.skipif(not Path("/proc/net/vlan").exists(), reason="needs VLANs in the kernel")
STEPS = ("fabric.ensure_bridges", "fabric.ensure_vxlans", "fabric.ensure_switches")
OVS = """mkdir -p /run/openvswitch && cd /run/openvswitch && ovsdb-tool create conf.db /usr/share/openvswitch/vswitch.ovsschema
ovsdb-server conf.db --remote=punix:/run/openvswitch/db.sock --pidfile --detach --no-chdir -vconsole:off
ovs-vsctl --no-wait init
ovs-vswitchd --pidfile --detach --no-chdir -vconsole:off"""


@pytest.fixture
def wired() -> Iterator[tuple[Throwaway, Throwaway]]:
    """Two hosts with a wire between them: eth0 with addresses, eth1 without."""
    with throwaway.host() as one, throwaway.host() as two:
        for interface in ("eth0", "eth1"):
            one.wire(two, interface)
        for number, host in enumerate((one, two), 11):
            host.sh(f"ip address add 192.0.2.{number}/24 dev eth0; ip link set eth0 up; ip link set eth1 up")
        yield one, two


def guest(host: Throwaway, tap: str, bridge: str, address: str, mtu: int = 1500) -> None:
    """Somebody at the end of a tap; a veth pair hands on what has no checksum yet, as a guest's network card does."""
    host.sh(
        f"ip netns add {tap}; ip link add {tap} mtu {mtu} type veth peer name eth0 mtu {mtu} netns {tap}; ip link set {tap} master {bridge} up;"
        f"ip -n {tap} address add {address}/24 dev eth0; ip -n {tap} link set eth0 up"
    )


def reaches(host: Throwaway, tap: str, address: str, size: int = 56) -> bool:
    argv = ("ip", "netns", "exec", tap, "busybox", "ping", "-c", "1", "-W", "1", "-s", str(size), address)
    return host.run(*argv, check=False).returncode == 0


def sends(host: Throwaway, tap: str, peer: tuple[Throwaway, str, str]) -> str:
    """What comes back over TCP: 100 kB there, their length back."""
    other, name, address = peer
    serve = "import socket; s = socket.create_server(('', 7)); c = s.accept()[0]; n = 0\nwhile d := c.recv(65536): n += len(d)\nc.sendall(str(n).encode())"
    ask = f"import socket; c = socket.create_connection(('{address}', 7), 5); c.sendall(bytes(100000)); c.shutdown(1); print(c.recv(99).decode())"
    other.sh(
        f'ip netns exec {name} timeout 20 python3 -c "$(cat <<X\n{serve}\nX\n)" >/dev/null 2>&1 & '
        f"for i in 1 2 3 4 5 6 7 8 9 10; do ip netns exec {name} ss -ltn | grep -q :7 && exit; sleep 0.2; done; exit 1"
    )
    return host.run("ip", "netns", "exec", tap, "python3", "-c", ask).stdout.strip()


def tunnel(own: int, *peers: int) -> Fabric:
    return fabric(segment(VXLAN, local_ip=f"192.0.2.{own}", peers=tuple(f"192.0.2.{peer}" for peer in peers)))


def test_guests_meet_over_a_tunnel(wired: tuple[Throwaway, Throwaway]) -> None:
    one, two = wired
    bridge = tunnel(11).segments[0].bridge
    for host, made, address in ((one, tunnel(11, 12), "10.0.0.1"), (two, tunnel(12, 11), "10.0.0.2")):
        assert host.ensure(made, *STEPS) > 0
        guest(host, "tap1", bridge, address, 1450)
    assert reaches(one, "tap1", "10.0.0.2")
    assert reaches(one, "tap1", "10.0.0.2", 1422)  # 28 bytes of headers make it as large as can be
    assert sends(one, "tap1", (two, "tap1", "10.0.0.2")) == "100000"
    assert "inet6" not in one.run("ip", "address", "show", "dev", bridge).stdout
    assert "inet6" not in one.run("ip", "address", "show", "dev", "vxlan-1001").stdout


def test_a_tunnel_is_repaired(wired: tuple[Throwaway, Throwaway]) -> None:
    one, two = wired
    bridge = tunnel(11).segments[0].bridge
    for host, made, address in ((one, tunnel(11, 12), "10.0.0.1"), (two, tunnel(12, 11), "10.0.0.2")):
        host.ensure(made, *STEPS)
        guest(host, "tap1", bridge, address, 1450)
    zero = f"bridge fdb del {fdb.ALL} dev vxlan-1001 dst 192.0.2.12"
    for harm in (
        zero,
        "ip link del vxlan-1001",
        "ip link set vxlan-1001 nomaster",
        "ip link set vxlan-1001 down mtu 1400",
        f"ip link set {bridge} down",
    ):
        one.sh(f"{harm}; ip netns exec tap1 ip neigh flush all; ip link set tap1 down; ip link set tap1 up")
        assert not reaches(one, "tap1", "10.0.0.2")
        assert one.ensure(tunnel(11, 12), *STEPS) > 0
        assert reaches(one, "tap1", "10.0.0.2"), harm
        assert one.ensure(tunnel(11, 12), *STEPS) == 0


def test_a_bridge_keeps_its_size_whatever_is_plugged_in(wired: tuple[Throwaway, Throwaway]) -> None:
    one, _ = wired
    made = fabric(segment(replace(PLAIN, mtu=1400), "eth1"))
    one.sh("ip link set eth1 mtu 9000")
    one.ensure(made, *STEPS)
    guest(one, "tap1", made.segments[0].bridge, "10.0.0.1", 1300)
    assert one.ensure(made, *STEPS) == 0
    one.sh("ip link del tap1")
    assert one.ensure(made, *STEPS) == 0


def test_peers_come_and_go_one_by_one(wired: tuple[Throwaway, Throwaway]) -> None:
    one, _ = wired
    for peers in ((), (12,), (12, 13, 14), (14, 15), ()):
        one.ensure(tunnel(11, *peers), *STEPS)
        assert one.look([fdb.Key("vxlan-1001")]) == {fdb.Key("vxlan-1001"): tuple(f"192.0.2.{peer}" for peer in peers)}


def test_with_the_last_instance_all_of_it_goes_and_strangers_stay(wired: tuple[Throwaway, Throwaway]) -> None:
    one, _ = wired
    one.sh(
        "ip link add br-lan type bridge; ip link set br-lan alias theirs; ip link add brq00000000-aa type bridge; ip link add tap9 type dummy || :"
    )
    listed = lambda: one.run("ip", "-o", "-d", "link", "show").stdout  # noqa: E731
    before = listed().replace("state UP", "").replace("state DOWN", "")
    made = fabric(*tunnel(11, 12).segments, segment(PLAIN, "eth1"), segment(replace(PLAIN, name="lan"), bridge="br-new"))
    one.ensure(made, *STEPS)
    assert one.ensure(made, *STEPS) == 0
    flat = made.segments[1].bridge
    guest(one, "tap1", flat, "10.0.0.1")
    one.ensure(NOTHING, *STEPS)
    marks = one.look([link.Marked(OWNER)])[link.Marked(OWNER)]
    assert isinstance(marks, link.Marks)
    assert sorted(marks.devices) == [flat]  # somebody is plugged in
    one.sh("ip link del tap1")
    one.ensure(NOTHING, *STEPS)
    assert one.look([link.Marked(OWNER)])[link.Marked(OWNER)] == link.Marks()
    names_of = lambda text: sorted(line.split(": ")[1].partition("@")[0] for line in text.splitlines())  # noqa: E731
    assert names_of(listed()) == names_of(before)


def test_a_bridge_that_somebody_was_plugged_into_meanwhile_stays(wired: tuple[Throwaway, Throwaway]) -> None:
    """Planned when it was empty."""
    one, _ = wired
    made = fabric(segment(PLAIN, "eth1"))
    bridge = made.segments[0].bridge
    one.ensure(made, *STEPS)
    step = steps.find_fabric(STEPS[0])
    todo = step.plan(NOTHING, one.look(step.needs(NOTHING)))
    guest(one, "tap1", bridge, "10.0.0.1")
    one.perform(todo.actions)
    assert one.look([link.Key(bridge)])[link.Key(bridge)] is not None


def planned(host: Throwaway, step: str, fabric: Fabric) -> tuple[Action, ...]:
    """What a run is going to do, by what it sees now."""
    found = steps.find_fabric(step)
    return found.plan(fabric, host.look(found.needs(fabric))).actions


@pytest.mark.parametrize("made", [tunnel(11, 12), pytest.param(fabric(segment(VLAN, "eth1")), marks=needs_vlans)], ids=["vxlan", "vlan"])
def test_two_runs_that_were_planned_on_the_same_facts_both_end_well(wired: tuple[Throwaway, Throwaway], made: Fabric) -> None:
    one, _ = wired
    one.ensure(made, STEPS[0])
    step = f"fabric.ensure_{made.segments[0].network.type}s"
    actions = planned(one, step, made)
    for _ in range(2):
        one.perform(actions)
    assert one.ensure(made, step) == 0


@pytest.mark.parametrize("left", [(), (13,)])
def test_two_runs_that_change_the_same_peers_both_end_well(wired: tuple[Throwaway, Throwaway], left: tuple[int, ...]) -> None:
    """The kernel says so when the last entry is gone already, and not when others are left."""
    one, _ = wired
    one.ensure(tunnel(11, 12, *left), *STEPS)
    for made in (tunnel(11, *left), tunnel(11, 12, *left)):
        actions = planned(one, STEPS[1], made)
        for _ in range(2):
            one.perform(actions)
        assert one.ensure(made, *STEPS) == 0


def test_a_device_of_another_store_that_is_there_by_now_is_not_touched(wired: tuple[Throwaway, Throwaway]) -> None:
    one, _ = wired
    one.ensure(tunnel(11), STEPS[0])
    actions = planned(one, STEPS[1], tunnel(11))
    one.sh(f"{LEFT}; ip link set vxlan-1001 alias orcffffff")
    with pytest.raises(AssertionError, match="File exists"):
        one.perform(actions)
    assert "orcffffff" in one.run("ip", "-d", "link", "show", "dev", "vxlan-1001").stdout


LEFT = "ip link add name vxlan-1001 type vxlan id 1001 local 192.0.2.11 dstport 4789"


def test_a_tunnel_that_was_left_without_its_mark_is_taken_over(wired: tuple[Throwaway, Throwaway]) -> None:
    """As a command that was killed leaves it: made, and not marked yet."""
    one, _ = wired
    one.sh(LEFT)
    assert one.ensure(tunnel(11, 12), *STEPS) > 0
    one.ensure(NOTHING, *STEPS)
    assert "vxlan-1001" not in one.run("ip", "link", "show").stdout


@pytest.mark.parametrize("theirs", ["alias theirs", "master br-theirs", "up"])
def test_a_tunnel_without_a_mark_that_is_somebodys_by_now_is_not_taken_over(wired: tuple[Throwaway, Throwaway], theirs: str) -> None:
    one, _ = wired
    one.ensure(tunnel(11), STEPS[0])
    one.sh(f"ip link add br-theirs type bridge; {LEFT}")
    actions = planned(one, STEPS[1], tunnel(11))
    one.sh(f"ip link set vxlan-1001 {theirs}")
    with pytest.raises(AssertionError, match="somebody else's"):
        one.perform(actions)
    assert OWNER not in one.run("ip", "-d", "link", "show", "dev", "vxlan-1001").stdout
    with pytest.raises(errors.HostError, match="somebody else's"):
        planned(one, STEPS[1], tunnel(11))


def test_a_bridge_that_the_former_release_made_goes_with_the_last_too(wired: tuple[Throwaway, Throwaway]) -> None:
    one, _ = wired
    one.sh("ip link add br-phys0 type bridge; ip link set br-phys0 alias orchestrator up")
    one.ensure(fabric(segment(PLAIN, bridge="br-phys0")), *STEPS)
    one.ensure(NOTHING, *STEPS)
    assert "br-phys0" not in one.run("ip", "link", "show").stdout


OPEN = {
    tag: desired.Network(f"vlan{tag}", "phys0", "vlan" if tag else "flat", segmentation_id=tag or None, driver="openvswitch")
    for tag in (0, 100, 200)
}


def on_switch(number: int, tag: int) -> Instance:
    """An instance on the switch br-ex, in a VLAN."""
    port = instances.port(number, OPEN[tag].name)
    port = replace(port, bridge=names.hybrid(port.id)[0], switch="br-ex")
    return replace(instances.new(number, port), networks={port.network: OPEN[tag]})


def plug(host: Throwaway, instance: Instance, name: str = "networking.plug_ports") -> int:
    """An instance's step planned, done, and found in need of nothing more. Returns how many actions that took."""
    step = steps.find(name)
    facts = host.look(step.needs(instance))
    todo, expected = step.plan(instance, facts), dict(step.expects(instance, facts))
    host.perform(todo.actions)
    assert host.look(tuple(expected)) == expected
    assert step.plan(instance, host.look(step.needs(instance))).actions == ()
    return len(todo.actions)


@needs_ovs
def test_guests_of_one_vlan_meet_and_of_others_do_not(wired: tuple[Throwaway, Throwaway]) -> None:
    made = fabric(*(segment(network, "eth1", "br-ex") for network in OPEN.values()))
    tags = {1: 100, 2: 100, 3: 200, 4: 0, 5: 0}
    for host in wired:
        host.sh(OVS)
        host.ensure(made, *STEPS)
        assert host.ensure(made, *STEPS) == 0
    for number, tag in tags.items():
        host, instance = wired[number % 2], on_switch(number, tag)
        plug(host, instance)
        guest(host, instance.ports[0].tap, instance.ports[0].bridge, f"10.0.0.{number}")
    seen = {(a, b): reaches(wired[a % 2], on_switch(a, tags[a]).ports[0].tap, f"10.0.0.{b}") for a in tags for b in tags if a < b}
    assert seen == {(a, b): tags[a] == tags[b] for a, b in seen}
    one, two = (on_switch(number, 100).ports[0].tap for number in (1, 2))
    assert sends(wired[1], one, (wired[0], two, "10.0.0.2")) == "100000"
    port = wired[0].look([ovs.Key(names.hybrid(on_switch(4, 0).ports[0].id)[2])])
    assert [each.tag for each in port.values() if isinstance(each, ovs.Port)] == [0]


@needs_ovs
def test_a_port_is_repaired_and_others_go_on(wired: tuple[Throwaway, Throwaway]) -> None:
    host, other = wired[0], on_switch(2, 100)
    made = fabric(segment(OPEN[100], bridge="br-ex"))
    host.sh(OVS)
    host.ensure(made, *STEPS)
    instance = on_switch(1, 100)
    for each in (instance, other):
        plug(host, each)
        guest(host, each.ports[0].tap, each.ports[0].bridge, f"10.0.0.{each.ports[0].tap[10:11]}")
    bridge, near, far = names.hybrid(instance.ports[0].id)
    before = host.run("ovs-vsctl", "list", "Port", names.hybrid(other.ports[0].id)[2]).stdout
    for harm in (
        f"ovs-vsctl del-port {far}",
        f"ovs-vsctl set Port {far} tag=7",
        f"ip link del {near}",
        f"ip link set {near} nomaster",
        f"ip link set {bridge} mtu 1400",
    ):
        host.sh(harm)
        assert plug(host, instance) == 1
        assert reaches(host, instance.ports[0].tap, "10.0.0.2"), harm
    assert plug(host, instance) == 0
    assert host.run("ovs-vsctl", "list", "Port", names.hybrid(other.ports[0].id)[2]).stdout == before


@needs_ovs
def test_with_the_last_port_the_switch_goes(wired: tuple[Throwaway, Throwaway]) -> None:
    host = wired[0]
    made = fabric(segment(OPEN[100], "eth1", "br-ex"))
    host.sh(f"{OVS}\novs-vsctl add-br br-theirs -- set Bridge br-theirs datapath_type=netdev")
    host.ensure(made, *STEPS)
    instance = on_switch(1, 100)
    plug(host, instance)
    host.ensure(NOTHING, *STEPS)
    assert host.look([ovs.Bridge("br-ex")])[ovs.Bridge("br-ex")] == ovs.Switch("netdev", OWNER)
    plug(host, instance, "teardown.unplug_ports")
    host.ensure(NOTHING, *STEPS)
    assert host.run("ovs-vsctl", "list-br").stdout == "br-theirs\n"
    assert [link for link in ("qbr", "qvb", "qvo", "br-ex") if link in host.run("ip", "-o", "link").stdout] == []
