"""The Linux bridges of the host's networks, and the physical interface in each flat one (nova vif `bridge`, neutron linuxbridge agent).

One that we made goes when no network needs it and nobody else's port is in it.
"""

from __future__ import annotations

from msgspec import Struct, structs

from orchestrator.commands.command import Action, Command
from orchestrator.facts import link
from orchestrator.facts.gather import Facts, Key
from orchestrator.model import errors, names
from orchestrator.model.fabric import Fabric, Segment
from orchestrator.states.step import Todo
from orchestrator.states.steps.fabric import device

PATIENCE = 0.0
FORMER = "orchestrator"
"""What the former release marked bridges with, whatever the store: one that a network of ours needs becomes ours."""

# One fixed script: a bridge must not stay without our mark because something died between two commands. It may be there by now, made by another
# run that was planned on the same facts. Only an MTU that is set later stays when ports come and go.
MAKE = f"""if ip link add name "$1" type bridge; then
{device.SETTLE} && ip link set dev "$1" mtu "$3"
else [ -e "/sys/class/net/$1/bridge" ]; fi && ip link set dev "$1" up"""
# A guest may have been plugged in since the facts were read: then the bridge stays. What carries our mark goes by itself.
REMOVE = """[ -e "/sys/class/net/$1/bridge" ] || exit 0
mark= uplink=; read -r mark uplink <"/sys/class/net/$1/ifalias" || :
[ "$mark" = "$2" ] || exit 0
for port in "/sys/class/net/$1/brif/"*; do
  port=${port##*/}
  [ -e "/sys/class/net/$port" ] && [ "$port" != "$uplink" ] || continue
  mark=; read -r mark rest <"/sys/class/net/$port/ifalias" || :
  [ "$mark" = "$2" ] || { echo "$1 stays: $port is in it"; exit 0; }
done
ip link del dev "$1\""""


class _Bridge(Struct, frozen=True):
    """What a bridge is to be. `named`: by the operator, so that it is ours only if we made it; `alias`: what ours is marked with."""

    name: str
    uplink: str | None
    mtu: int
    named: bool
    alias: str


def needs(fabric: Fabric) -> tuple[Key, ...]:
    wanted = _wanted(fabric)
    devices = {*wanted, *(each.uplink for each in wanted.values() if each.uplink)}
    return (*(link.Key(name) for name in sorted(devices)), link.Marked(names.owner(fabric.lineage)))


def plan(fabric: Fabric, facts: Facts) -> Todo:
    wanted = _wanted(fabric).values()
    actions = [action for each in wanted for action in (*_ensure(each, facts), *_plug(each, facts))]
    gone = _gone(fabric, facts)
    actions += [Command(("sh", "-c", REMOVE, "remove-bridge", name, names.owner(fabric.lineage))) for name in gone]
    whys = ["bridge missing, or not as it should be"] if len(actions) > len(gone) else []
    whys += [f"no network needs {', '.join(gone)}"] if gone else []
    return Todo("; ".join(whys) or "bridges are as they should be", tuple(actions))


def expects(fabric: Fabric, facts: Facts) -> dict[Key, object]:
    found: dict[Key, object] = {}
    for each in _wanted(fabric).values():
        before = facts[link.Key(each.name)]
        if not isinstance(before, link.Link):
            before = link.Link("bridge", None, True, each.alias)
        alias, mtu = (each.alias, each.mtu) if _ours(each, before) else (before.alias, before.mtu)
        found[link.Key(each.name)] = structs.replace(before, up=True, alias=alias, mtu=mtu)
        uplink = facts[link.Key(each.uplink)] if each.uplink else None
        if each.uplink and isinstance(uplink, link.Link):
            found[link.Key(each.uplink)] = structs.replace(uplink, master=each.name, up=True)
    return found | dict.fromkeys(link.Key(name) for name in _gone(fabric, facts))


def _wanted(fabric: Fabric) -> dict[str, _Bridge]:
    """By name; of the networks on one bridge, the largest MTU."""
    found: dict[str, _Bridge] = {}
    for segment in sorted(fabric.segments, key=lambda segment: (segment.bridge, segment.mtu)):
        if segment.network.driver == "linuxbridge":
            found[segment.bridge] = _bridge(fabric, segment)
    return found


def _bridge(fabric: Fabric, segment: Segment) -> _Bridge:
    uplink = segment.interface if segment.network.type == "flat" else None
    owner = names.owner(fabric.lineage)
    named = segment.network.type == "flat" and not uplink
    return _Bridge(segment.bridge, uplink, segment.mtu, named, f"{owner} {uplink}" if uplink else owner)


def _ours(bridge: _Bridge, found: link.Link) -> bool:
    return not bridge.named or found.alias in (bridge.alias, FORMER)


def _ensure(bridge: _Bridge, facts: Facts) -> list[Action]:
    found = facts[link.Key(bridge.name)]
    if not isinstance(found, link.Link):
        return [Command(("sh", "-c", MAKE, "make-bridge", bridge.name, bridge.alias, str(bridge.mtu)))]
    if found.kind != "bridge":
        raise errors.HostError(
            f"{bridge.name} is not a bridge",
            why=f"it is a {found.kind or 'physical'} device",
            hint="mend physical_networks in the inventory",
        )
    ours = _ours(bridge, found)
    words = ["alias", bridge.alias] if ours and found.alias != bridge.alias else []
    words += ["mtu", str(bridge.mtu)] if ours and found.mtu != bridge.mtu else []
    words += [] if found.up else ["up"]
    return [Command(("ip", "link", "set", "dev", bridge.name, *words))] if words else []


def _plug(bridge: _Bridge, facts: Facts) -> list[Action]:
    if not bridge.uplink:
        return []
    found = device.uplink(bridge.uplink, facts, bridge.mtu, bridge.name)
    words = [] if found.master else ["master", bridge.name]
    words += [] if found.up else ["up"]
    return [Command(("ip", "link", "set", "dev", bridge.uplink, *words))] if words else []


def _gone(fabric: Fabric, facts: Facts) -> tuple[str, ...]:
    """Bridges of ours that no network needs and nothing of others is plugged into. A port's own bridge is its instance's."""
    marks, wanted = device.marked(fabric, facts), _wanted(fabric)
    return tuple(
        name
        for name, found in marks.devices.items()
        if found.kind == "bridge" and name not in wanted and not name.startswith("qbr") and not _strangers(marks, name, found)
    )


def _strangers(marks: link.Marks, name: str, bridge: link.Link) -> set[str]:
    return set(marks.strangers.get(name, ())) - {bridge.alias.partition(" ")[2]}
