"""The VXLAN tunnels, each in its network's bridge, with a flood entry for every other host that takes part (neutron linuxbridge agent, no multicast).

What is for everybody goes to each of them; where a guest lives is learned from what it sends.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.commands.command import Action, Command
from orchestrator.facts import fdb, link
from orchestrator.facts.gather import Facts, Key
from orchestrator.model import errors, names
from orchestrator.model.fabric import Fabric, Segment
from orchestrator.states.step import Todo
from orchestrator.states.steps.fabric import device

PATIENCE = 0.0
KIND = "vxlan"

MAKE = f"""ip link add name "$1" type vxlan id "$3" local "$4" dstport 4789 || {device.THERE} && {device.SETTLE}"""
# Of the last entry the kernel says that it is gone already: another run took it away. (It minds neither an append of what is there, nor the
# removal of what is not among others.)
FORGET = f"""said=$(bridge fdb del {fdb.ALL} dev "$1" dst "$2" 2>&1) && exit
if [ -e "/sys/class/net/$1" ]; then
  entries=$(bridge fdb show dev "$1") && ! printf '%s\\n' "$entries" | grep -qF "{fdb.ALL} dst $2 "
fi || {{ printf '%s\\n' "$said" >&2; exit 1; }}"""


def needs(fabric: Fabric) -> tuple[Key, ...]:
    devices = sorted(_name(each) for each in device.on_bridges(fabric, KIND))
    own = (*(link.Key(name) for name in devices), *(fdb.Key(name) for name in devices), link.Addresses())
    return (*(own if devices else ()), link.Marked(names.owner(fabric.lineage)))


def plan(fabric: Fabric, facts: Facts) -> Todo:
    actions = [action for each in device.on_bridges(fabric, KIND) for action in _ensure(fabric, each, facts)]
    gone = _gone(fabric, facts)
    whys = ["tunnel missing, or not as it should be"] if actions else []
    whys += [f"no network needs {', '.join(gone)}"] if gone else []
    return Todo("; ".join(whys) or "tunnels are as they should be", (*actions, *(device.drop(fabric, name) for name in gone)))


def expects(fabric: Fabric, facts: Facts) -> dict[Key, object]:
    found: dict[Key, object] = {}
    for each in device.on_bridges(fabric, KIND):
        found[link.Key(_name(each))] = link.Link(KIND, each.bridge, True, names.owner(fabric.lineage), _form(each), mtu=each.mtu)
        before = facts[fdb.Key(_name(each))]
        found[fdb.Key(_name(each))] = fdb.Needed(each.peers, before if isinstance(before, tuple) else ())
    return found | dict.fromkeys(link.Key(name) for name in _gone(fabric, facts))


def _ensure(fabric: Fabric, segment: Segment, facts: Facts) -> Iterator[Action]:
    name, owner = _name(segment), names.owner(fabric.lineage)
    _check(fabric, segment, facts)
    found, entries = facts[link.Key(name)], facts[fdb.Key(name)]
    if isinstance(found, link.Link):
        if found.owner == owner and found.form != _form(segment):  # its own address is another one now
            yield device.drop(fabric, name)
            found, entries = None, None
        elif device.left(found, _form(segment)):
            yield device.take(fabric, name)
        else:
            device.refuse_strange(fabric, name, found, _form(segment))
    if not isinstance(found, link.Link):
        vni = str(segment.network.segmentation_id)
        yield Command(("sh", "-c", MAKE, "make-vxlan", name, owner, vni, segment.local_ip))
    yield from _flood(name, set(segment.peers), set(entries) if isinstance(entries, tuple) else set())
    yield from device.settle(name, found if isinstance(found, link.Link) else None, segment.bridge, segment.mtu)


def _flood(name: str, wanted: set[str], found: set[str]) -> Iterator[Action]:
    """One entry at a time: frames to the other peers go on."""
    for peer in sorted(wanted - found):
        yield Command(("bridge", "fdb", "append", fdb.ALL, "dev", name, "dst", peer))
    for peer in sorted(found - wanted):
        yield Command(("sh", "-c", FORGET, "forget-peer", name, peer))


def _check(fabric: Fabric, segment: Segment, facts: Facts) -> None:
    hint = f"set local_ip of {fabric.host} in the inventory to an address of its own that the other hosts reach"
    if not segment.local_ip:
        raise errors.HostError(
            "no address for VXLAN tunnels", why=f"neither local_ip nor ansible_host of {fabric.host} is an address", hint=hint
        )
    own = facts[link.Addresses()]
    if not isinstance(own, tuple) or segment.local_ip not in own:
        raise errors.HostError(f"{segment.local_ip} is no address of this host", why="VXLAN tunnels are to end there", hint=hint)


def _name(segment: Segment) -> str:
    return names.vxlan(int(segment.network.segmentation_id or 0))


def _form(segment: Segment) -> str:
    return link.vxlan(int(segment.network.segmentation_id or 0), segment.local_ip)


def _gone(fabric: Fabric, facts: Facts) -> tuple[str, ...]:
    return device.unneeded(fabric, facts, KIND, {_name(each) for each in device.on_bridges(fabric, KIND)})
