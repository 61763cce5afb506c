"""Networks on a host: the steps that make bridges, tunnels and switches, in the situations that they may meet."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from msgspec.structs import replace

from orchestrator.model import desired, names
from orchestrator.model.fabric import Fabric, Segment, segment_id
from tests.fakes.state import Link, State, Switch
from tests.samples import grounds, instances

OWNER = names.owner(instances.LINEAGE)
PLAIN = desired.Network("private", "phys0")
VLAN = desired.Network("office", "phys0", "vlan", segmentation_id=100)
VXLAN = desired.Network("tenant", "", "vxlan", segmentation_id=1001)


def segment(network: desired.Network, interface: str | None = None, bridge: str = "", **changes: object) -> Segment:
    """The network on a host."""
    identity = segment_id(instances.LINEAGE, network)
    return replace(Segment(network, identity, bridge or names.bridge(identity), interface), **changes)  # type: ignore[arg-type]


def fabric(*segments: Segment, **changes: object) -> Fabric:
    """A host's fabric of these segments."""
    return replace(Fabric(instances.HOST.name, instances.LINEAGE, segments), **changes)  # type: ignore[arg-type]


Event = Callable[[State], None]


def host(state: State) -> None:
    """A free interface beside the one that the host is reached by."""
    state.links["eth1"] = Link("", True)
    state.links["eth0"].addresses = (instances.HOST.address,)


def case(step: str, name: str, fabric: Fabric, *events: Event, before: Fabric | None = None, blocked: bool = False) -> grounds.Case:
    """A step on a host where `before` was made, and then the events happened."""

    def arrange(state: State) -> None:
        for event in events:
            event(state)

    return grounds.Case(step, name, fabric, arrange, SWITCHES if before else None, before, blocked, host)


def link(name: str, **changes: object) -> Event:
    """A device, there or otherwise."""

    def arrange(state: State) -> None:
        state.links[name] = replace(state.links.get(name, Link()), **changes)  # type: ignore[arg-type]

    return arrange


def lose(name: str) -> Event:
    return lambda state: state.links.pop(name) and None


def flood(*peers: str) -> Event:
    """The tunnel's entries, otherwise."""
    return lambda state: setattr(state.links[names.vxlan(1001)], "flood", list(peers))


def switch(name: str, owner: str = "", **ports: dict[str, str]) -> Event:
    """An Open vSwitch bridge with ports, each with its external_ids."""

    def arrange(state: State) -> None:
        assert state.switches is not None
        ids = {"orchestrator-owner": owner} if owner else {}
        state.switches[name] = Switch("netdev", ids, {port: (None, ids) for port, ids in ports.items()})
        state.links[name] = Link("tun", True)
        for port in ports:
            state.links.setdefault(port, Link("", True))

    return arrange


NAMED = fabric(segment(PLAIN, bridge="br-phys0"))
FLAT = fabric(segment(PLAIN, "eth1"))
BRIDGE = FLAT.segments[0].bridge
TAGGED = fabric(segment(VLAN, "eth1"))
TAGGED_BRIDGE = TAGGED.segments[0].bridge
TUNNEL = fabric(segment(VXLAN, local_ip="192.0.2.11", peers=("192.0.2.12", "192.0.2.13")))
TUNNEL_BRIDGE = TUNNEL.segments[0].bridge
NOTHING = fabric()
OPEN = replace(VLAN, driver="openvswitch")
ON_SWITCH = fabric(segment(OPEN, bridge="br-ex"))
SWITCH_OF = names.switch(names.network_id(instances.LINEAGE, "openvswitch/phys0"))
ON_INTERFACE = fabric(segment(OPEN, "eth1", SWITCH_OF), segment(replace(PLAIN, driver="openvswitch"), "eth1", SWITCH_OF))

BRIDGES, VLANS, VXLANS, SWITCHES = (f"fabric.ensure_{name}" for name in ("bridges", "vlans", "vxlans", "switches"))
FOREIGN = link("br-phys0", kind="bridge", up=True)
TAP = link("tap0", kind="tun", up=True)


def _bridges() -> tuple[grounds.Case, ...]:
    here = link(BRIDGE, kind="bridge")
    return (
        case(BRIDGES, "none", NOTHING),
        case(BRIDGES, "missing", NAMED),
        case(BRIDGES, "of_somebody_else", NAMED, FOREIGN),
        case(BRIDGES, "of_somebody_else_and_down", NAMED, link("br-phys0", kind="bridge", mtu=9000, addresses=("192.0.2.99",))),
        case(BRIDGES, "of_somebody_else_in_a_vrf", NAMED, link("br-phys0", kind="bridge", master="vrf-blue")),
        case(BRIDGES, "there", FLAT, before=FLAT),
        case(BRIDGES, "of_two_networks", fabric(*NAMED.segments, segment(VXLAN, local_ip="192.0.2.11")), FOREIGN),
        case(BRIDGES, "uplink_free", FLAT),
        case(BRIDGES, "uplink_pulled_out", FLAT, link("eth1", master=None, up=False), before=FLAT),
        case(BRIDGES, "down_and_of_another_size", FLAT, link(BRIDGE, up=False, mtu=1400), before=FLAT),
        case(BRIDGES, "without_its_mark", FLAT, link(BRIDGE, alias=None), before=FLAT),
        case(BRIDGES, "of_the_former_release", NAMED, link("br-phys0", kind="bridge", up=True, mtu=1400, alias="orchestrator")),
        case(BRIDGES, "uplink_in_use", FLAT, link("br9", kind="bridge"), link("eth1", master="br9"), blocked=True),
        case(BRIDGES, "uplink_with_address", FLAT, link("eth1", addresses=("192.0.2.21", "2001:db8::11")), blocked=True),
        case(BRIDGES, "uplink_too_small", FLAT, link("eth1", mtu=1400), blocked=True),
        case(BRIDGES, "uplink_missing", fabric(segment(PLAIN, "eth7")), blocked=True),
        case(BRIDGES, "no_bridge", NAMED, link("br-phys0", kind="vxlan"), blocked=True),
        case(BRIDGES, "physical", fabric(segment(PLAIN, bridge="eth0")), blocked=True),
        case(BRIDGES, "gone_with_the_last", NOTHING, before=FLAT),
        case(BRIDGES, "named_and_gone_with_the_last", NOTHING, before=NAMED),
        case(BRIDGES, "a_tap_is_in_it", NOTHING, TAP, link("tap0", master=BRIDGE), before=FLAT),
        case(BRIDGES, "a_tunnel_of_ours_is_in_it", NOTHING, before=TUNNEL),
        case(BRIDGES, "others_stay", NOTHING, FOREIGN, here, link("brq1", kind="bridge", alias="orcffffff")),
        case(BRIDGES, "a_ports_own_stays", NOTHING, link("qbr00000001-aa", kind="bridge", alias=OWNER)),
    )


def _vlans() -> tuple[grounds.Case, ...]:
    return (
        case(VLANS, "none", NOTHING),
        case(VLANS, "missing", TAGGED, lose("eth1.100"), before=TAGGED),
        case(VLANS, "there", TAGGED, before=TAGGED),
        case(VLANS, "pulled_out_and_down", TAGGED, link("eth1.100", master=None, up=False, mtu=1400), before=TAGGED),
        case(VLANS, "long_name", fabric(segment(VLAN, "enp129s0f1np1")), link("enp129s0f1np1"), link(TAGGED_BRIDGE, kind="bridge")),
        case(VLANS, "of_somebody_else", TAGGED, link("eth1.100", alias=None), before=TAGGED, blocked=True),
        case(VLANS, "leads_elsewhere", TAGGED, link("eth1.100", lower="eth0"), before=TAGGED, blocked=True),
        case(VLANS, "interface_missing", fabric(segment(VLAN, "eth7")), blocked=True),
        case(VLANS, "interface_too_small", TAGGED, link("eth1", mtu=1400), blocked=True),
        case(VLANS, "gone_with_the_last", NOTHING, before=TAGGED),
    )


def _vxlans() -> tuple[grounds.Case, ...]:
    alone = fabric(replace(TUNNEL.segments[0], peers=()))
    moved = fabric(replace(TUNNEL.segments[0], local_ip="192.0.2.21"))
    own = link("eth0", addresses=("192.0.2.11", "192.0.2.21"))
    return (
        case(VXLANS, "none", NOTHING),
        case(VXLANS, "missing", TUNNEL, lose("vxlan-1001"), before=TUNNEL),
        case(VXLANS, "alone", alone, lose("vxlan-1001"), before=alone),
        case(VXLANS, "there", TUNNEL, before=TUNNEL),
        case(VXLANS, "peer_joins_and_peer_leaves", TUNNEL, flood("192.0.2.12", "192.0.2.14"), before=TUNNEL),
        case(VXLANS, "entries_lost", TUNNEL, flood(), before=TUNNEL),
        case(VXLANS, "pulled_out_and_down", TUNNEL, link("vxlan-1001", master=None, up=False, mtu=1500), before=TUNNEL),
        case(VXLANS, "left_without_its_mark", TUNNEL, link("vxlan-1001", alias=None, master=None, up=False), flood(), before=TUNNEL),
        case(VXLANS, "without_its_mark_and_in_use", TUNNEL, link("vxlan-1001", alias=None, master=None), before=TUNNEL, blocked=True),
        case(VXLANS, "from_another_address", moved, own, before=TUNNEL),
        case(VXLANS, "of_another_store", TUNNEL, link("vxlan-1001", alias="orcffffff"), before=TUNNEL, blocked=True),
        case(VXLANS, "of_somebody_else", TUNNEL, link("vxlan-1001", kind="vxlan", info={"id": 1001}), blocked=True),
        case(VXLANS, "no_address", fabric(replace(TUNNEL.segments[0], local_ip="")), blocked=True),
        case(VXLANS, "address_of_another", moved, blocked=True),
        case(VXLANS, "gone_with_the_last", NOTHING, before=TUNNEL),
    )


def _switches() -> tuple[grounds.Case, ...]:
    there = switch("br-ex", eth9={})
    qvo = {"orchestrator-owner": OWNER, "iface-id": "00000001-aaaa-4bbb-8ccc-1234567890ab"}

    def without(state: State) -> None:
        state.switches = None

    return (
        case(SWITCHES, "none", NOTHING),
        case(SWITCHES, "not_installed_and_not_wanted", NOTHING, without),
        case(SWITCHES, "missing", ON_SWITCH),
        case(SWITCHES, "of_somebody_else", ON_SWITCH, there),
        case(SWITCHES, "interface_free", ON_INTERFACE),
        case(SWITCHES, "there", ON_INTERFACE, before=ON_INTERFACE),
        case(SWITCHES, "interface_down", ON_INTERFACE, link("eth1", up=False), before=ON_INTERFACE),
        case(SWITCHES, "not_installed", ON_SWITCH, without, blocked=True),
        case(SWITCHES, "a_linux_bridge", ON_SWITCH, link("br-ex", kind="bridge"), blocked=True),
        case(SWITCHES, "interface_in_use", ON_INTERFACE, switch("br-ex", eth1={}), blocked=True),
        case(SWITCHES, "interface_with_address", ON_INTERFACE, link("eth1", addresses=("192.0.2.21",)), blocked=True),
        case(SWITCHES, "gone_with_the_last", NOTHING, before=ON_INTERFACE),
        case(SWITCHES, "a_port_is_in_it", NOTHING, switch("brs1", OWNER, qvo1=qvo)),
        case(SWITCHES, "others_stay", NOTHING, there, switch("brs1", "orcffffff")),
    )


CASES = tuple(itertools.chain(_bridges(), _vlans(), _vxlans(), _switches()))
