"""Open vSwitch: ovs-vsctl(8) 3.1, and our scripts that run it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from orchestrator.facts import ovs
from orchestrator.states.steps.fabric import ensure_switches
from orchestrator.states.steps.networking import plug_ports
from tests.fakes import iproute
from tests.fakes.state import Link, Result, State, Switch, UnknownError, failed

GONE = "ovs-vsctl: unix:/var/run/openvswitch/db.sock: database connection failed (No such file or directory)"


def vsctl(state: State, argv: tuple[str, ...], stdin: bytes) -> Result:
    """A transaction: all of its commands or none."""
    if argv[: len(ovs.VSCTL)] != ovs.VSCTL:
        raise UnknownError
    if state.switches is None:
        return failed(GONE)
    for command in _commands(argv[len(ovs.VSCTL) :]):
        refused = _command(state, state.switches, tuple(command))
        if refused:
            return refused
    return Result()


def _commands(words: tuple[str, ...]) -> Iterator[list[str]]:
    command: list[str] = []
    for word in words:
        if word == "--":
            yield command
            command = []
        else:
            command.append(word)
    yield command


def _command(state: State, switches: dict[str, Switch], command: tuple[str, ...]) -> Result | None:
    match command:
        case ("--may-exist", "add-br", name):
            if name not in switches:
                switches[name] = Switch("netdev")
                state.links.setdefault(name, Link("tun"))
        case ("set", "Bridge", name, assigned):
            _assign(switches[name], assigned)
        case ("--may-exist", "add-port", name, port):
            return _add_port(switches, name, port)
        case ("set", "Interface", port, assigned):
            key, _, value = assigned.removeprefix("external_ids:").partition("=")
            next(switch.ports[port] for switch in switches.values() if port in switch.ports)[1][key] = value
        case ("--if-exists", "del-port", port):
            for switch in switches.values():
                switch.ports.pop(port, None)
        case _:
            raise UnknownError
    return None


def _add_port(switches: dict[str, Switch], name: str, port: str) -> Result | None:
    if name not in switches:
        return failed(f"ovs-vsctl: no bridge named {name}")
    if any(port in switch.ports for other, switch in switches.items() if other != name):
        return failed(f'ovs-vsctl: "--may-exist add-port {name} {port}" but {port} is actually attached to another bridge')
    switches[name].ports.setdefault(port, (None, {}))
    return None


def _assign(switch: Switch, assigned: str) -> None:
    key, _, value = assigned.partition("=")
    if key == "datapath_type":
        switch.datapath = value
    else:
        switch.ids[key.removeprefix("external_ids:")] = value


def _look(state: State, operands: tuple[str, ...]) -> Result:
    if state.switches is None:
        return Result()
    bridges, ports, interfaces = [], [], []
    for name, switch in state.switches.items():
        own: dict[str, tuple[int | None, dict[str, str]]] = {name: (None, {}), **switch.ports}
        bridges.append([name, switch.datapath, _map(switch.ids), ["set", [_uuid(port) for port in own]]])
        for port, (tag, ids) in own.items():
            ports.append([_uuid(port), port, ["set", []] if tag is None else tag, _uuid(f"i-{port}")])
            fault = f"could not open network device {port} (No such device)"
            interfaces.append([_uuid(f"i-{port}"), _map(ids), ["set", []] if port in state.links else fault])
    tables = (
        (["name", "datapath_type", "external_ids", "ports"], bridges),
        (["_uuid", "name", "tag", "interfaces"], ports),
        (["_uuid", "external_ids", "error"], interfaces),
    )
    return Result(0, "\n".join(('"netdev"', *(json.dumps({"data": data, "headings": names}) for names, data in tables), "")).encode())


def _uuid(name: str) -> list[str]:
    return ["uuid", name]


def _map(ids: dict[str, str]) -> list[object]:
    return ["map", [list(pair) for pair in sorted(ids.items())]]


def _remove(state: State, operands: tuple[str, ...]) -> Result:
    name, owner = operands
    switches = state.switches or {}
    for port, (_, ids) in switches[name].ports.items() if name in switches else ():
        if ids.get(ovs.UPLINK) != owner:
            return Result(0, f"{name} stays: {port} is in it\n".encode())
    switches.pop(name, None)
    state.links.pop(name, None)
    return Result()


def _plug(state: State, operands: tuple[str, ...]) -> Result:
    bridge, near, far, switch, tag, mtu, port, mac, vm, owner = operands
    if bridge not in state.links:
        iproute.ip(state, ("ip", "link", "add", "name", bridge, "type", "bridge"), b"")
    if near not in state.links:
        iproute.remove(state, far)
        iproute.ip(state, ("ip", "link", "add", "name", near, "type", "veth", "peer", "name", far), b"")
    for device in (bridge, near, far):
        iproute.ip(state, ("ip", "link", "set", "dev", device, "alias", owner, "mtu", mtu, "up"), b"")
    iproute.ip(state, ("ip", "link", "set", "dev", near, "master", bridge), b"")
    if state.switches is None:
        return failed(GONE)
    if switch not in state.switches:
        return failed(f'ovs-vsctl: no row "{switch}" in table Bridge')
    for each in state.switches.values():
        each.ports.pop(far, None)
    ids = {"iface-id": port, "attached-mac": mac, "vm-uuid": vm, ovs.OWNER: owner}
    state.switches[switch].ports[far] = (int(tag), ids)
    return Result()


SCRIPTS: dict[str, Callable[[State, tuple[str, ...]], Result]] = {
    ovs.SCRIPT: _look,
    ensure_switches.REMOVE: _remove,
    plug_ports.PLUG: _plug,
}
PROGRAMS: dict[str, Callable[[State, tuple[str, ...], bytes], Result]] = {"ovs-vsctl": vsctl}
