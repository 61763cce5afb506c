"""The instance's ports plugged into their Open vSwitch bridges (nova os-vif `ovs` with hybrid plug). A port on a Linux bridge is plugged by libvirt alone."""

from __future__ import annotations

from orchestrator.commands.command import Action, Command
from orchestrator.facts import link
from orchestrator.facts.gather import Facts, Key
from orchestrator.model.instance import Instance
from orchestrator.states.step import Todo
from orchestrator.states.steps.networking import hybrid

PATIENCE = 5.0

# One fixed script, whatever is missing of a port: none of its devices stays without our mark because something died between two commands. The
# bridge learns nothing and asks nobody (nova `_set_bridge_options`). A switch in user space (netdev) reads frames from the pair as they are, and
# drops those whose checksum the guest left to its network card. A port of this name is taken out first, in a transaction of its own: a switch in
# user space keeps hold of the device that was there, and would never look at a new one.
PLUG = """bridge=$1 near=$2 far=$3 switch=$4 tag=$5 mtu=$6 port=$7 mac=$8 vm=$9 owner=${10}
quiet() { [ ! -e "/proc/sys/net/ipv6/conf/$1" ] || echo 1 >"/proc/sys/net/ipv6/conf/$1/disable_ipv6"; }
ovs-vsctl --timeout=30 --if-exists del-port "$far" || exit
[ -e "/sys/class/net/$bridge" ] || ip link add name "$bridge" type bridge || exit
[ -e "/sys/class/net/$near" ] || { [ ! -e "/sys/class/net/$far" ] || ip link del dev "$far" || exit
  ip link add name "$near" type veth peer name "$far"; } || exit
for device in "$bridge" "$near" "$far"; do
  ip link set dev "$device" alias "$owner" mtu "$mtu" && quiet "$device" || exit
done
ip link set dev "$bridge" type bridge stp_state 0 ageing_time 0 mcast_snooping 0 || exit
datapath=$(ovs-vsctl --timeout=30 get Bridge "$switch" datapath_type) || exit
[ "$datapath" != netdev ] || ethtool -K "$near" tx off || exit
ip link set dev "$near" master "$bridge" up && ip link set dev "$far" up && ip link set dev "$bridge" up || exit
ovs-vsctl --timeout=30 -- add-port "$switch" "$far" "tag=$tag" -- set Interface "$far" \
"external_ids:iface-id=$port" "external_ids:attached-mac=\\"$mac\\"" "external_ids:vm-uuid=$vm" "external_ids:orchestrator-owner=$owner\""""


def needs(instance: Instance) -> tuple[Key, ...]:
    return tuple(key for plug in hybrid.staying(instance) for key in plug.keys)


def plan(instance: Instance, facts: Facts) -> Todo:
    actions = tuple(_command(plug) for plug in hybrid.staying(instance) if not _plugged(plug, facts))
    return Todo("port not plugged, or not as it should be" if actions else "ports are plugged", actions)


def undo(instance: Instance, facts: Facts) -> tuple[Action, ...]:
    """What was missing of each port; what was there stays."""
    plugs = hybrid.staying(instance)
    return tuple(action for plug in plugs for action in hybrid.removal(plug, {key for key in plug.keys if facts[key] is None}))


def expects(instance: Instance, facts: Facts) -> dict[Key, object]:
    return {key: value for plug in hybrid.staying(instance) for key, value in plug.wanted.items()}


def shares(instance: Instance) -> str | None:
    return None


def _plugged(plug: hybrid.Plug, facts: Facts) -> bool:
    return all(_same(facts[key], value) for key, value in plug.wanted.items())


def _same(found: object, wanted: object) -> bool:
    """A link's MTU counts too."""
    return found == wanted and (not isinstance(found, link.Link) or not isinstance(wanted, link.Link) or found.mtu == wanted.mtu)


def _command(plug: hybrid.Plug) -> Command:
    words = (plug.switch, str(plug.tag), str(plug.mtu), plug.port.id, plug.port.mac, plug.vm, plug.owner)
    return Command(("sh", "-c", PLUG, "plug-port", *plug.devices, *words), timeout=120)
