"""Network devices: ip(8) and bridge(8), as iproute2 6.1 answers, and our scripts that run them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from orchestrator.facts import fdb
from orchestrator.states.steps.fabric import device, ensure_bridges, ensure_vlans, ensure_vxlans, plug_taps
from tests.fakes.state import Link, Result, State, UnknownError, failed


def ip(state: State, argv: tuple[str, ...], stdin: bytes) -> Result:
    match argv[1:]:
        case ("-d", "-j", "address", "show"):
            return Result(0, json.dumps([_shown(number, *link) for number, link in enumerate(state.links.items(), 1)]).encode() + b"\n")
        case ("link", "add", *words):
            return _add(state, list(words))
        case ("link", "set", "dev", name, *change):
            return _set(state, name, iter(change))
        case ("link", "del" | "delete", "dev", name):
            return _delete(state, name)
        case _:
            raise UnknownError


def _shown(number: int, name: str, link: Link) -> dict[str, object]:
    flags = ["BROADCAST", "MULTICAST"] + (["UP", "LOWER_UP"] if link.up else [])
    shown: dict[str, object] = {
        "ifindex": number,
        "ifname": name,
        "flags": flags,
        "mtu": link.mtu,
        "operstate": "UP" if link.up else "DOWN",
    }
    shown["addr_info"] = [{"family": "inet", "local": address, "scope": "global"} for address in link.addresses]
    if link.kind:
        shown["linkinfo"] = {"info_kind": link.kind} | ({"info_data": link.info} if link.info else {})
    if link.lower:
        shown["link"] = link.lower
    return shown | ({"master": link.master} if link.master else {}) | ({"ifalias": link.alias} if link.alias else {})


def _add(state: State, words: list[str]) -> Result:
    """`[link LOWER] name NAME [mtu N] type KIND ...`."""
    given = dict(zip(words[::2], words[1::2], strict=True)) if words[-4:-2] != ["veth", "peer"] else {"name": words[1], "type": "veth"}
    name, kind = given["name"], given["type"]
    if name in state.links:
        return failed("RTNETLINK answers: File exists", 2)
    if not 0 < len(name) < 16 or "/" in name:
        return failed(f'Error: argument "{name}" is wrong: "name" not a valid ifname', 255)
    mtu = int(given.get("mtu", 1500))
    match kind:
        case "bridge":
            state.links[name] = Link("bridge", mtu=mtu)
        case "veth" if words[-1] in state.links:
            return failed("RTNETLINK answers: File exists", 2)
        case "veth":
            state.links |= {name: Link("veth", lower=words[-1]), words[-1]: Link("veth", lower=name)}
        case "vxlan":
            vni, port = int(given["id"]), int(given["dstport"])
            if any((link.kind, link.info.get("id"), link.info.get("port")) == ("vxlan", vni, port) for link in state.links.values()):
                return failed("Error: A VXLAN device with the specified VNI already exists.", 2)
            state.links[name] = Link("vxlan", info={"id": vni, "local": given["local"], "port": port})
        case "vlan" if given["link"] not in state.links:
            return failed(f'Cannot find device "{given["link"]}"')
        case "vlan":
            state.links[name] = Link("vlan", info={"protocol": "802.1Q", "id": int(given["id"])}, lower=given["link"])
        case _:
            raise UnknownError
    return Result()


def _set(state: State, name: str, change: Iterator[str]) -> Result:
    link = state.links.get(name)
    if not link:
        return failed(f'Cannot find device "{name}"')
    for word in change:
        match word:
            case "up" | "down":
                link.up = word == "up"
            case "alias":
                link.alias = next(change)
            case "mtu":
                link.mtu = int(next(change))
            case "nomaster":
                link.master = None
            case "master":
                refused = _plug(state, link, next(change))
                if refused:
                    return refused
            case _:
                raise UnknownError
    return Result()


def _plug(state: State, link: Link, bridge: str) -> Result | None:
    if bridge not in state.links:
        return failed(f'Error: argument "{bridge}" is wrong: Device does not exist\n', 255)
    if state.links[bridge].kind != "bridge":
        return failed("RTNETLINK answers: Operation not supported", 2)
    link.master = bridge
    return None


def _delete(state: State, name: str) -> Result:
    if name not in state.links:
        return failed(f'Cannot find device "{name}"')
    if not state.links[name].kind:
        return failed("RTNETLINK answers: Operation not supported", 2)
    remove(state, name)
    return Result()


def remove(state: State, name: str) -> None:
    """The device gone; its ports stay, without it. What is on it, or its other end, goes with it."""
    state.links.pop(name, None)
    for link in state.links.values():
        if link.master == name:
            link.master = None
    for other in [other for other, link in state.links.items() if link.lower == name]:
        remove(state, other)


def bridge(state: State, argv: tuple[str, ...], stdin: bytes) -> Result:
    match argv[1:]:
        case ("fdb", "append" | "del" as verb, fdb.ALL, "dev", name, "dst", peer):
            link = state.links.get(name)
            if not link:
                return failed(f'Cannot find device "{name}"', 255)
            if verb == "append" and peer not in link.flood:
                link.flood.append(peer)
            if verb == "del" and not link.flood:
                return failed("RTNETLINK answers: No such file or directory", 255)
            if verb == "del":
                link.flood = [each for each in link.flood if each != peer]
            return Result()
        case _:
            raise UnknownError


def _run(state: State, *argv: str) -> Result:
    return ip(state, ("ip", "link", *argv), b"")


def _make_bridge(state: State, operands: tuple[str, ...]) -> Result:
    name, alias, mtu = operands
    added = _run(state, "add", "name", name, "type", "bridge")
    there = state.links.get(name)
    if not there or there.kind != "bridge":
        return added
    if not added.code:
        there.alias, there.mtu = alias, int(mtu)
    return _run(state, "set", "dev", name, "up")


def _remove_bridge(state: State, operands: tuple[str, ...]) -> Result:
    name, owner = operands
    mark, _, uplink = ((state.links[name].alias or "") if name in state.links else "").partition(" ")
    if mark != owner:
        return Result()
    for port, link in state.links.items():
        if link.master == name and port != uplink and (link.alias or "").partition(" ")[0] != owner:
            return Result(0, f"{name} stays: {port} is in it\n".encode())
    return _run(state, "del", "dev", name)


def _drop(state: State, operands: tuple[str, ...]) -> Result:
    name, owner = operands
    found = state.links.get(name)
    return _run(state, "del", "dev", name) if found and (found.alias or "").partition(" ")[0] == owner else Result()


def _make_vlan(state: State, operands: tuple[str, ...]) -> Result:
    name, alias, interface, vid = operands
    added = _run(state, "add", "link", interface, "name", name, "type", "vlan", "id", vid)
    return added if added.code and not _there(state, name, alias) else _run(state, "set", "dev", name, "alias", alias)


def _make_vxlan(state: State, operands: tuple[str, ...]) -> Result:
    name, alias, vni, local = operands
    added = _run(state, "add", "name", name, "type", "vxlan", "id", vni, "local", local, "dstport", "4789")
    return added if added.code and not _there(state, name, alias) else _run(state, "set", "dev", name, "alias", alias)


def _there(state: State, name: str, alias: str) -> bool:
    return name in state.links and (state.links[name].alias or "").partition(" ")[0] == alias


def _take(state: State, operands: tuple[str, ...]) -> Result:
    name, alias = operands
    found = state.links.get(name)
    if found and not _there(state, name, alias) and (found.alias or found.master or found.up):
        return failed(f"{name} is somebody else's by now")
    return _run(state, "set", "dev", name, "alias", alias)


def _forget(state: State, operands: tuple[str, ...]) -> Result:
    name, peer = operands
    if name in state.links:
        state.links[name].flood = [each for each in state.links[name].flood if each != peer]
    return Result()


def _entries(state: State, operands: tuple[str, ...]) -> Result:
    found = [(name, state.links[name].flood) for name in operands if name in state.links]
    return Result(
        0, "".join(f"device {name}\n" + "".join(f"{fdb.ALL} dst {each} self permanent\n" for each in to) for name, to in found).encode()
    )


SCRIPTS: dict[str, Callable[[State, tuple[str, ...]], Result]] = {
    ensure_bridges.MAKE: _make_bridge,
    ensure_bridges.REMOVE: _remove_bridge,
    ensure_vlans.MAKE: _make_vlan,
    ensure_vxlans.MAKE: _make_vxlan,
    ensure_vxlans.FORGET: _forget,
    device.TAKE: _take,
    device.DROP: _drop,
    fdb.SCRIPT: _entries,
    plug_taps.PLUG: lambda state, operands: _run(state, "set", "dev", operands[0], "master", operands[1], "up"),
}
PROGRAMS: dict[str, Callable[[State, tuple[str, ...], bytes], Result]] = {"ip": ip, "bridge": bridge}
