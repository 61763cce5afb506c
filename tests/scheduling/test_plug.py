"""Where a new port plugs in on its host, for each type of network and whatever the host's physical network names."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from orchestrator.facts import link
from orchestrator.model import names
from orchestrator.model.desired import Desired, Flavor, InstanceRequest, Network, NetworkRequest
from orchestrator.model.fabric import segment_id
from orchestrator.model.host import Capacity, Host
from orchestrator.model.instance import Port
from orchestrator.model.scheduler import Options
from orchestrator.scheduling import addresses, bind, host_state
from orchestrator.scheduling.prefilters import physical_network, tunnel_end
from tests.samples import instances

HOST = Host("h1", "192.0.2.11", physical_networks={"phys0": "dev0"})
STATE = host_state.HostState(HOST, Capacity("m", "b", 4, 4096, 100, 100, "qemu"))
FLAT = Network("flat", "phys0")
VLAN = Network("office", "phys0", "vlan", segmentation_id=100)
VXLAN = Network("tenant", "", "vxlan", segmentation_id=1001, port_security=False)
SWITCH = names.switch(names.network_id(instances.LINEAGE, "openvswitch/phys0"))


def on_switch(network: Network) -> Network:
    return replace(network, driver="openvswitch")


def bound(network: Network, kind: str | None = "", **wish: object) -> Port:
    """The port of a new instance; `kind` of the device dev0, None where there is none."""
    request = InstanceRequest("web", "tiny", "cirros", ("h1",), (NetworkRequest(network.name, **wish),), security_groups=("web",))  # type: ignore[arg-type]
    desired = Desired({"tiny": Flavor("tiny", 1, 64, 1)}, {"cirros": instances.image()}, {network.name: network})
    facts: dict[object, object] = {link.Key("dev0"): None if kind is None else link.Link(kind, None, True)}
    (port,) = bind.bind(request, bind.Binding(desired, instances.LINEAGE, 1, STATE, facts, addresses.Taken())).ports
    return port


def own(network: Network) -> str:
    return names.bridge(segment_id(instances.LINEAGE, network))


@pytest.mark.parametrize(
    ("network", "kind", "bridge", "interface", "switch"),
    [
        (FLAT, "", own(FLAT), "dev0", None),
        (FLAT, "bond", own(FLAT), "dev0", None),
        (FLAT, "bridge", "dev0", None, None),
        (FLAT, None, "dev0", None, None),
        (VLAN, "", own(VLAN), "dev0", None),
        (VLAN, "bridge", own(VLAN), "dev0", None),
        (VXLAN, "", own(VXLAN), None, None),
        *((on_switch(each), "", "qbr", "dev0", SWITCH) for each in (FLAT, VLAN)),
        *((on_switch(each), kind, "qbr", None, "dev0") for each in (FLAT, VLAN) for kind in ("openvswitch", "tun", None)),
    ],
)
def test_where_a_port_plugs_in(network: Network, kind: str | None, bridge: str, interface: str | None, switch: str | None) -> None:
    port = bound(network, kind)
    assert (port.bridge, port.interface, port.switch) == (f"qbr{port.id[:11]}" if bridge == "qbr" else bridge, interface, switch)
    assert all(len(name) < 16 for name in (port.tap, port.bridge, port.switch or "", *names.hybrid(port.id)))


def test_networks_that_no_one_shall_mix_have_bridges_of_their_own() -> None:
    every = (FLAT, VLAN, VXLAN, replace(VLAN, name="lab", segmentation_id=101), replace(FLAT, physical_network="phys1"))
    assert len({own(network) for network in every}) == len(every)
    assert own(FLAT) == own(replace(FLAT, name="another"))  # an interface is in one bridge


def test_a_ports_groups_are_its_own_or_its_instances() -> None:
    assert bound(FLAT).security_groups == ("web",)
    assert bound(FLAT, security_groups=()).security_groups == ()
    assert (bound(FLAT).port_security, bound(VXLAN).port_security) == (True, False)
    assert (bound(FLAT, port_security=False).port_security, bound(VXLAN, port_security=True).port_security) == (False, True)


def test_long_interfaces_keep_apart() -> None:
    long = [names.vlan(f"enp129s0f1np{number}", vid) for number in range(10) for vid in (1, 100, 4094)]
    assert len(set(long)) == len(long)
    assert all(len(name) < 16 for name in long)
    assert names.vlan("eth1", 100) == "eth1.100"


def test_a_tunnel_needs_no_physical_network_but_an_address() -> None:
    request = InstanceRequest("web", "tiny", "cirros", ("h1",))
    wish = host_state.Request(request, Flavor("tiny", 1, 64, 1), {"tenant": VXLAN})
    assert physical_network.judge(STATE, wish, Options()).fits
    assert tunnel_end.judge(STATE, wish, Options()).fits
    named = replace(STATE, host=replace(HOST, address="kvm1.example.com"))
    lacking = tunnel_end.judge(named, wish, Options())
    assert (lacking.fits, lacking.why) == (False, "VXLAN: local_ip is not set, and kvm1.example.com is no address")
    assert tunnel_end.judge(replace(named, host=replace(named.host, local_ip="2001:db8::1")), wish, Options()).fits
    assert tunnel_end.judge(named, replace(wish, networks={"flat": FLAT}), Options()).fits
