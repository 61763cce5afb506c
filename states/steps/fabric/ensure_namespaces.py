"""A network namespace for each network with DHCP or NAT, plugged into the network as a machine of its own (neutron `qdhcp-`, `qrouter-`)."""

from __future__ import annotations

from msgspec import structs

from orchestrator.commands.command import Action, Command
from orchestrator.drivers.dhcp import site
from orchestrator.facts import dhcp
from orchestrator.facts.gather import Facts, Key
from orchestrator.model import names
from orchestrator.model.fabric import Fabric, Segment
from orchestrator.states.step import Todo

PATIENCE = 5.0

# One fixed script, its arguments are data: namespace, device, owner, MTU, bridge, then for a switch `switch` and the VLAN's tag, 0 for none.
# A namespace whose name is only a file is what a killed `ip netns add` leaves; a cable of ours may still lead into one without a name. The cable is
# made and marked inside, so that it is never seen here without. Nobody's router advertisements count there, and its own addresses are the same on
# every host: nothing asks whether another has them. ethtool: a switch in user space hands on what has no checksum yet.
MAKE = (
    'n=$1 d=$2 e="ip -n $1"; inside() { nsenter --net="/run/netns/$n" "$@"; }\n'
    'if ! $e link show dev lo >/dev/null 2>&1; then [ ! -e "/run/netns/$n" ] || ip netns del "$n"; ip netns add "$n" || exit 1; fi\n'
    f"if ! $e link show dev {dhcp.INSIDE} >/dev/null 2>&1; then\n"
    '[ "$(cat "/sys/class/net/$d/ifalias" 2>/dev/null)" != "$3" ] || ip link del dev "$d" || exit 1\n'
    f'$e link add name "$d" type veth peer name {dhcp.INSIDE} || exit 1; fi\n'
    'if $e link show dev "$d" >/dev/null 2>&1; then $e link set dev "$d" alias "$3" && $e link set dev "$d" netns "$$" || exit 1; fi\n'
    "inside sh -c 'cd /proc/sys/net && echo 1 >ipv4/conf/eth0/promote_secondaries && "
    "{ [ ! -e ipv6/conf/eth0 ] || echo 0 >ipv6/conf/eth0/accept_ra; }' || exit 1\n"
    '[ ! -e "/proc/sys/net/ipv6/conf/$d" ] || echo 1 >"/proc/sys/net/ipv6/conf/$d/disable_ipv6"\n'
    f'ip link set dev "$d" mtu "$4" && $e link set dev {dhcp.INSIDE} mtu "$4" || exit 1\n'
    'if [ "$6" = switch ]; then\n'
    "! command -v ethtool >/dev/null || inside ethtool -K eth0 tx off >/dev/null || exit 1\n"
    'ovs-vsctl --timeout=20 --may-exist add-port "$5" "$d" -- set interface "$d" external_ids:orchestrator-owner="$3" -- '
    'set port "$d" tag="$7" || exit 1\n'
    'else ip link set dev "$d" master "$5" || exit 1; fi\n'
    f'$e link set dev lo up && $e link set dev {dhcp.INSIDE} up && ip link set dev "$d" up'
)


def needs(fabric: Fabric) -> tuple[Key, ...]:
    return tuple(dhcp.Key(names.owner(fabric.lineage), site.network(segment)) for segment in site.wanted(fabric))


def plan(fabric: Fabric, facts: Facts) -> Todo:
    owner = names.owner(fabric.lineage)
    actions = tuple(action for segment in site.wanted(fabric) for action in _ensure(owner, segment, _found(owner, segment, facts)))
    return Todo("namespaces missing, unplugged, or without their addresses" if actions else "namespaces are there", actions)


def expects(fabric: Fabric, facts: Facts) -> dict[Key, object]:
    owner = names.owner(fabric.lineage)
    return {dhcp.Key(owner, site.network(segment)): _as_wanted(segment, _found(owner, segment, facts)) for segment in site.wanted(fabric)}


def _found(owner: str, segment: Segment, facts: Facts) -> dhcp.Site:
    found = facts[dhcp.Key(owner, site.network(segment))]
    return found if isinstance(found, dhcp.Site) else dhcp.NOTHING


def _as_wanted(segment: Segment, found: dhcp.Site) -> dhcp.Site:
    return structs.replace(found, plug=site.plug(segment), up=True, mtu=segment.mtu, addresses=site.addresses(segment))


def _ensure(owner: str, segment: Segment, found: dhcp.Site) -> tuple[Action, ...]:
    if found == _as_wanted(segment, found):
        return ()
    name, wanted = dhcp.namespace(owner, segment.id), site.addresses(segment)
    switch = ("switch", site.tag(segment)) if segment.network.driver == "openvswitch" else ("bridge",)
    make = Command(("sh", "-c", MAKE, "make-namespace", name, site.device(segment), owner, str(segment.mtu), segment.bridge, *switch))
    # 2: gone already
    drop = (Command(("ip", "-n", name, *_address("del", each)), accepts=(0, 2)) for each in found.addresses if each not in wanted)
    give = (Command(("ip", "-n", name, *_address("replace", each), *_at_once(each))) for each in wanted if each not in found.addresses)
    return (make, *drop, *give)


def _address(verb: str, address: str) -> tuple[str, ...]:
    return ("address", verb, address, "dev", dhcp.INSIDE)


def _at_once(address: str) -> tuple[str, ...]:
    """IPv6's search for duplicates would find the other hosts' (RFC 4862)."""
    return ("nodad",) if ":" in address else ()
