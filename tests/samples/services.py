"""What networks with DHCP and NAT are given on a host, in the situations that their steps may meet."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from orchestrator.facts import dhcp
from orchestrator.model import desired, names
from orchestrator.model.fabric import Fabric, Lease
from tests.fakes import coreutils, iproute
from tests.fakes.state import File, State
from tests.samples import grounds, instances, networks

OWNER = names.owner(instances.LINEAGE)
SUBNET = desired.Subnet("10.20.0.0/24", "10.20.0.1", ("10.20.0.2", "2001:db8::2"), dhcp=True)
ROUTED = replace(SUBNET, gateway=None, host_routes=(("10.9.0.0/16", "10.20.0.7"),))
SIX = desired.Subnet("2001:db8::/64", "2001:db8::1", ("2001:db8::2",), dhcp=True)
WAY_OUT = replace(SUBNET, dhcp=False, nat=True)
PLAIN = replace(networks.VXLAN, subnets=(SUBNET,))


def fabric(*ports: int, network: desired.Network = PLAIN, **lease: object) -> Fabric:
    """A host with these ports of a network."""
    found = networks.segment(network, local_ip="192.0.2.11")
    leases = tuple(replace(Lease(instances.port(number), f"web-{number}"), **lease) for number in ports)  # type: ignore[arg-type]
    return networks.fabric(replace(found, leases=leases))


ONE, TWO = fabric(1), fabric(1, 2)
BOTH = fabric(1, network=replace(networks.VXLAN, subnets=(replace(SUBNET, nat=True),)))
OUT = fabric(1, network=replace(networks.VXLAN, subnets=(WAY_OUT,)))
NETWORK = ONE.segments[0].id[: dhcp.DIGITS]
NAME = dhcp.namespace(OWNER, NETWORK)
FOLDER = f"{dhcp.ROOT}/{NAME}"
REMOVE, NAMESPACES, GATEWAYS, DHCP = (
    f"fabric.{name}" for name in ("remove_namespaces", "ensure_namespaces", "ensure_gateways", "ensure_dhcp")
)
Event = Callable[[State], None]


def case(step: str, name: str, fabric: Fabric, *events: Event, before: Fabric | None = None, blocked: bool = False) -> grounds.Case:
    """A step on a host where the steps before it were done, or with `before` all of them for that, and then the events happened."""

    def arrange(state: State) -> None:
        for event in events:
            event(state)

    after = {REMOVE: None, NAMESPACES: networks.SWITCHES, GATEWAYS: NAMESPACES, DHCP: GATEWAYS}[step]
    return grounds.Case(step, name, fabric, arrange, DHCP if before else after, before, blocked, networks.host)


def cable(kind: str = "dh", **changes: object) -> Event:
    return networks.link(f"{kind}{NETWORK}", **changes)


def pulled(kind: str = "dh") -> Event:
    return lambda state: iproute.remove(state, f"{kind}{NETWORK}")


def address(*found: str) -> Event:
    """The namespace's addresses, otherwise."""
    return lambda state: setattr(state.namespaces[NAME], "addresses", list(found))


def killed(state: State) -> None:
    state.namespaces[NAME].servers = []


def twice(state: State) -> None:
    state.namespaces[NAME].servers *= 2


def unread(state: State) -> None:
    """A reload that died."""
    del state.files[f"{FOLDER}/loaded"]


def folder_lost(state: State) -> None:
    coreutils.rm(state, ("rm", "-rf", "--", dhcp.ROOT), b"")


def lease(port: int, text: str) -> Event:
    return lambda state: state.files.update({f"{FOLDER}/hosts/{instances.port(port).id}": File(f"{text}\n".encode())})


def without(program: str) -> Event:
    return lambda state: state.missing.add(program)


def routed_no_more(state: State) -> None:
    state.forwards = False


def rules_lost(state: State) -> None:
    state.outlets.clear()


def opened_inside(state: State) -> None:
    state.namespaces[NAME].inside = ("filter FORWARD ACCEPT", *state.namespaces[NAME].inside[1:])


def _namespaces() -> tuple[grounds.Case, ...]:
    nothing, plain = networks.NOTHING, fabric(1, network=replace(networks.VXLAN, subnets=(replace(SUBNET, dhcp=False),)))
    moved = replace(PLAIN, subnets=(replace(SUBNET, gateway="10.20.0.254"), SIX))
    tagged = networks.fabric(
        replace(networks.segment(replace(networks.OPEN, subnets=(SUBNET,)), bridge="br-ex"), leases=ONE.segments[0].leases)
    )
    untagged = networks.fabric(
        replace(networks.segment(replace(networks.OPEN, type="flat", segmentation_id=None, subnets=(SUBNET,)), bridge="br-ex"))
    )
    return (
        case(REMOVE, "none", nothing),
        case(REMOVE, "needed", ONE, before=ONE),
        case(REMOVE, "gone_with_the_last", nothing, before=TWO),
        case(REMOVE, "gone_with_its_way_out", nothing, before=BOTH),
        case(REMOVE, "only_its_folder_is_left", nothing, pulled(), lambda state: state.namespaces.clear(), before=ONE),
        case(REMOVE, "others_stay", nothing, lambda state: state.files.update({f"{dhcp.ROOT}/orcffffff-net-00000000-00": File()})),
        case(NAMESPACES, "none", plain),
        case(NAMESPACES, "missing", ONE),
        case(NAMESPACES, "there", ONE, before=ONE),
        case(NAMESPACES, "of_a_gateway", OUT),
        case(NAMESPACES, "both_versions", fabric(1, network=moved)),
        case(NAMESPACES, "other_addresses", fabric(1, network=moved), before=ONE),
        case(NAMESPACES, "on_a_switch", tagged, networks.switch("br-ex", eth9={})),
        case(NAMESPACES, "on_a_switch_untagged", untagged, networks.switch("br-ex", eth9={})),
        case(NAMESPACES, "unplugged_and_down", ONE, cable(master=None, up=False), before=ONE),
        case(NAMESPACES, "of_another_size", ONE, cable(mtu=1500), before=ONE),
        case(NAMESPACES, "cable_lost", ONE, pulled(), before=ONE),
        case(NAMESPACES, "addresses_lost", ONE, address(), before=ONE),
        case(NAMESPACES, "an_address_too_many", ONE, address("10.20.0.254/24", "10.20.0.9/24"), before=ONE),
    )


def _gateways() -> tuple[grounds.Case, ...]:
    return (
        case(GATEWAYS, "none", ONE),
        case(GATEWAYS, "missing", OUT),
        case(GATEWAYS, "there", BOTH, before=BOTH),
        case(GATEWAYS, "addresses_taken", OUT, networks.link("eth9", addresses=("169.254.176.145",))),
        case(GATEWAYS, "cable_lost", OUT, pulled("gw"), before=OUT),
        case(GATEWAYS, "down", OUT, cable("gw", up=False), before=OUT),
        case(GATEWAYS, "rules_lost", OUT, rules_lost, before=OUT),
        case(GATEWAYS, "opened_inside", OUT, opened_inside, before=OUT),
        case(GATEWAYS, "host_does_not_forward", OUT, routed_no_more, before=OUT),
        case(GATEWAYS, "closed_with_the_last", networks.NOTHING, before=OUT),
        case(GATEWAYS, "no_iptables", OUT, without("iptables"), blocked=True),
    )


def _dhcp() -> tuple[grounds.Case, ...]:
    six = fabric(1, network=replace(PLAIN, subnets=(ROUTED, SIX)), port=replace(instances.port(1), fixed_ips=("10.20.0.10", "2001:db8::a")))
    elsewhere = fabric(1, port=replace(instances.port(1), fixed_ips=("10.99.0.1",)))
    return (
        case(DHCP, "none", OUT),
        case(DHCP, "missing", ONE),
        case(DHCP, "there", TWO, before=TWO),
        case(DHCP, "routes_and_both_versions", six),
        case(DHCP, "by_a_gateway", BOTH),
        case(DHCP, "no_address_here", elsewhere),
        case(DHCP, "name_like_a_time", fabric(1, hostname="24h")),
        case(DHCP, "port_joins", TWO, before=ONE),
        case(DHCP, "port_leaves", ONE, before=TWO),
        case(DHCP, "lease_differs", ONE, lease(1, "fa:16:3e:00:00:01,10.20.0.99,web-1,24h"), before=ONE),
        case(DHCP, "killed", ONE, killed, before=ONE),
        case(DHCP, "runs_twice", ONE, twice, before=ONE),
        case(DHCP, "leases_not_read", ONE, unread, before=ONE),
        case(DHCP, "folder_lost", ONE, folder_lost, before=ONE),
        case(DHCP, "other_options", fabric(1, network=replace(PLAIN, subnets=(ROUTED,))), before=ONE),
        case(DHCP, "no_dnsmasq", ONE, without("dnsmasq"), blocked=True),
        case(DHCP, "bad_mac", fabric(1, port=replace(instances.port(1), mac="fa:16:3e:00:00:01,ignore")), blocked=True),
        case(DHCP, "bad_name", fabric(1, hostname="web\ndhcp-script=/tmp/x"), blocked=True),
    )


CASES = (*_namespaces(), *_gateways(), *_dhcp())
