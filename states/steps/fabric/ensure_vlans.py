"""The VLAN devices on physical interfaces, each in its network's bridge (neutron linuxbridge agent `ensure_vlan_bridge`)."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import structs

from orchestrator.commands.command import Action, Command
from orchestrator.facts import link
from orchestrator.facts.gather import Facts, Key
from orchestrator.model import names
from orchestrator.model.fabric import Fabric, Segment
from orchestrator.states.step import Todo
from orchestrator.states.steps.fabric import device

PATIENCE = 0.0
KIND = "vlan"

MAKE = f"""[ -e /proc/net/vlan ] || modprobe -q 8021q 2>/dev/null || [ -e /proc/net/vlan ] ||
{{ echo "the kernel of this host has no VLANs: modprobe 8021q" >&2; exit 1; }}
ip link add link "$3" name "$1" type vlan id "$4" || {device.THERE} && {device.SETTLE}"""


def needs(fabric: Fabric) -> tuple[Key, ...]:
    devices = {name for each in device.on_bridges(fabric, KIND) for name in (_name(each), each.interface) if name}
    return (*(link.Key(name) for name in sorted(devices)), link.Marked(names.owner(fabric.lineage)))


def plan(fabric: Fabric, facts: Facts) -> Todo:
    segments = device.on_bridges(fabric, KIND)
    actions = [action for each in segments for action in _ensure(fabric, each, facts)]
    gone = _gone(fabric, facts)
    whys = ["VLAN device missing, or not as it should be"] if actions else []
    whys += [f"no network needs {', '.join(gone)}"] if gone else []
    return Todo("; ".join(whys) or "VLAN devices are as they should be", (*actions, *(device.drop(fabric, name) for name in gone)))


def expects(fabric: Fabric, facts: Facts) -> dict[Key, object]:
    found: dict[Key, object] = {}
    for each in device.on_bridges(fabric, KIND):
        parent = link.Key(str(each.interface))
        found[parent] = structs.replace(device.uplink(parent.name, facts, each.mtu), up=True)
        found[link.Key(_name(each))] = link.Link(KIND, each.bridge, True, names.owner(fabric.lineage), _form(each), mtu=each.mtu)
    return found | dict.fromkeys(link.Key(name) for name in _gone(fabric, facts))


def _ensure(fabric: Fabric, segment: Segment, facts: Facts) -> Iterator[Action]:
    name, interface = _name(segment), str(segment.interface)
    parent, found = device.uplink(interface, facts, segment.mtu), facts[link.Key(name)]
    if not parent.up:
        yield Command(("ip", "link", "set", "dev", interface, "up"))
    if isinstance(found, link.Link):
        device.refuse_strange(fabric, name, found, _form(segment))
        yield from device.settle(name, found, segment.bridge, segment.mtu)
        return
    vid = str(segment.network.segmentation_id)
    yield Command(("sh", "-c", MAKE, "make-vlan", name, names.owner(fabric.lineage), interface, vid))
    yield from device.settle(name, None, segment.bridge, segment.mtu)


def _name(segment: Segment) -> str:
    return names.vlan(str(segment.interface), int(segment.network.segmentation_id or 0))


def _form(segment: Segment) -> str:
    return link.vlan(int(segment.network.segmentation_id or 0), str(segment.interface))


def _gone(fabric: Fabric, facts: Facts) -> tuple[str, ...]:
    return device.unneeded(fabric, facts, KIND, {_name(each) for each in device.on_bridges(fabric, KIND)})
