"""The Open vSwitch bridges of the host's networks, and the physical interface in each: a trunk of all VLANs (nova `ovs_hybrid_plug`, neutron OVS agent).

One that we made goes when no network needs it and no port but the uplink is in it.
"""

from __future__ import annotations

from msgspec import structs

from orchestrator.commands.command import Action, Command
from orchestrator.facts import link, ovs
from orchestrator.facts.gather import Facts, Key
from orchestrator.model import errors, names
from orchestrator.model.fabric import Fabric
from orchestrator.states.step import Todo
from orchestrator.states.steps.fabric import device

PATIENCE = 5.0

# A port may have been plugged in since the facts were read: then the bridge stays.
REMOVE = """for port in $(ovs-vsctl --timeout=30 list-ports "$1"); do
  mark=$(ovs-vsctl --timeout=30 --if-exists get Interface "$port" external_ids:orchestrator-uplink)
  [ "$mark" = "$2" ] || [ "$mark" = "\\"$2\\"" ] || { echo "$1 stays: $port is in it"; exit 0; }
done
ovs-vsctl --timeout=30 --if-exists del-br "$1\""""


def needs(fabric: Fabric) -> tuple[Key, ...]:
    wanted = _wanted(fabric)
    keys: list[Key] = [ovs.Marked(names.owner(fabric.lineage)), link.Marked(names.owner(fabric.lineage))]
    for name in sorted(wanted):
        keys += [ovs.Bridge(name), link.Key(name)]
    for uplink in sorted({uplink for uplink, _ in wanted.values() if uplink}):
        keys += [ovs.Key(uplink), link.Key(uplink)]
    return tuple(keys)


def plan(fabric: Fabric, facts: Facts) -> Todo:
    actions = [action for name, (uplink, mtu) in sorted(_wanted(fabric).items()) for action in _ensure(fabric, name, facts, (uplink, mtu))]
    gone = _gone(fabric, facts)
    whys = ["Open vSwitch bridge missing, or without its interface"] if actions else []
    whys += [f"no network needs {', '.join(gone)}"] if gone else []
    actions += [Command(("sh", "-c", REMOVE, "remove-switch", name, names.owner(fabric.lineage)), timeout=90) for name in gone]
    return Todo("; ".join(whys) or "Open vSwitch bridges are as they should be", tuple(actions))


def expects(fabric: Fabric, facts: Facts) -> dict[Key, object]:
    found: dict[Key, object] = {}
    owner = names.owner(fabric.lineage)
    for name, (uplink, _) in _wanted(fabric).items():
        found[ovs.Bridge(name)] = facts[ovs.Bridge(name)] or ovs.Switch(_datapath(fabric, facts), owner)
        there = facts[link.Key(uplink)] if uplink else None
        if uplink and isinstance(there, link.Link):
            found[link.Key(uplink)] = structs.replace(there, up=True)
            found[ovs.Key(uplink)] = facts[ovs.Key(uplink)] or ovs.Port(name, None, {ovs.UPLINK: owner})
    return found | dict.fromkeys(ovs.Bridge(name) for name in _gone(fabric, facts))


def _wanted(fabric: Fabric) -> dict[str, tuple[str | None, int]]:
    """Uplink and largest MTU, by the bridge's name."""
    segments = sorted((each for each in fabric.segments if each.network.driver == "openvswitch"), key=lambda each: each.mtu)
    return {each.bridge: (each.interface, each.mtu) for each in segments}


def _datapath(fabric: Fabric, facts: Facts) -> str:
    """What this host can do. Raises HostError when Open vSwitch does not answer."""
    found = facts[ovs.Marked(names.owner(fabric.lineage))]
    if not isinstance(found, ovs.Marks):
        raise errors.HostError(
            "Open vSwitch does not answer",
            why="ovs-vsctl is missing, or its daemons do not run",
            hint="on the host: apt install openvswitch-switch; systemctl start openvswitch-switch",
        )
    return found.datapath


def _ensure(fabric: Fabric, name: str, facts: Facts, wanted: tuple[str | None, int]) -> list[Action]:
    datapath, owner, (uplink, mtu) = _datapath(fabric, facts), names.owner(fabric.lineage), wanted
    actions: list[Action] = []
    if facts[ovs.Bridge(name)] is None:
        there = facts[link.Key(name)]
        if isinstance(there, link.Link):
            why = f"it is a {there.kind or 'physical'} device"
            raise errors.HostError(f"{name} is not an Open vSwitch bridge", why=why, hint="mend physical_networks in the inventory")
        kind = ("--", "set", "Bridge", name, f"datapath_type={datapath}")
        mark = ("--", "set", "Bridge", name, f"external_ids:{ovs.OWNER}={owner}")
        actions.append(Command((*ovs.VSCTL, "--may-exist", "add-br", name, *kind, *mark)))
    return actions + (_uplink(uplink, name, facts, (mtu, owner)) if uplink else [])


def _uplink(interface: str, bridge: str, facts: Facts, wanted: tuple[int, str]) -> list[Action]:
    mtu, owner = wanted
    port, found = facts[ovs.Key(interface)], facts[link.Key(interface)]
    plugged = isinstance(port, ovs.Port)
    if isinstance(port, ovs.Port) and port.bridge != bridge:
        hint = f"name {port.bridge} in physical_networks"
        raise errors.HostError(f"interface {interface} is in use", why=f"it is a port of {port.bridge}", hint=hint)
    if isinstance(found, link.Link) and plugged:  # its master in the kernel is Open vSwitch's own affair
        found = device.uplink(interface, {link.Key(interface): structs.replace(found, master=bridge)}, mtu, bridge)
    else:
        found = device.uplink(interface, facts, mtu, bridge)
    actions: list[Action] = []
    if not plugged:
        mark = ("--", "set", "Interface", interface, f"external_ids:{ovs.UPLINK}={owner}")
        actions.append(Command((*ovs.VSCTL, "--may-exist", "add-port", bridge, interface, *mark)))
    if not found.up:
        actions.append(Command(("ip", "link", "set", "dev", interface, "up")))
    return actions


def _gone(fabric: Fabric, facts: Facts) -> tuple[str, ...]:
    """Bridges of ours that no network needs and nothing is plugged into but our own: instances' ports (qvo) stay until their instances go."""
    found, wanted = facts[ovs.Marked(names.owner(fabric.lineage))], _wanted(fabric)
    bridges = found.bridges if isinstance(found, ovs.Marks) else {}
    ours = {name for name in device.marked(fabric, facts).devices if not name.startswith("qvo")}
    left = (name for name, ports in sorted(bridges.items()) if name not in wanted and ours.issuperset(ports))
    return tuple(name for name in left if facts.get(ovs.Bridge(name), "there") is not None)
