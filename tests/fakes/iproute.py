"""Network devices: ip(8), as iproute2 6.1 answers."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.fakes.state import Link, Result, State, UnknownError, failed


def ip(state: State, argv: tuple[str, ...], stdin: bytes) -> Result:
    match argv[1:]:
        case ("-d", "-j", "address", "show"):
            return Result(0, json.dumps([_shown(number, *link) for number, link in enumerate(state.links.items(), 1)]).encode() + b"\n")
        case ("link", "add", "name", name, "type", "bridge"):
            return _add(state, name)
        case ("link", "set", "dev", name, *change):
            return _set(state, name, tuple(change))
        case ("link", "del" | "delete", "dev", name):
            return _delete(state, name)
        case _:
            raise UnknownError


def _shown(number: int, name: str, link: Link) -> dict[str, object]:
    flags = ["BROADCAST", "MULTICAST"] + (["UP", "LOWER_UP"] if link.up else [])
    shown: dict[str, object] = {"ifindex": number, "ifname": name, "flags": flags, "mtu": 1500, "operstate": "UP" if link.up else "DOWN"}
    shown["addr_info"] = [{"family": "inet", "local": address, "scope": "global"} for address in link.addresses]
    if link.kind:
        shown["linkinfo"] = {"info_kind": link.kind}
    return shown | ({"master": link.master} if link.master else {}) | ({"ifalias": link.alias} if link.alias else {})


def _add(state: State, name: str) -> Result:
    if name in state.links:
        return failed("RTNETLINK answers: File exists", 2)
    if not 0 < len(name) < 16 or "/" in name:
        return failed(f'Error: argument "{name}" is wrong: "name" not a valid ifname', 255)
    state.links[name] = Link("bridge")
    return Result()


def _set(state: State, name: str, change: tuple[str, ...]) -> Result:
    link = state.links.get(name)
    if not link:
        return failed(f'Cannot find device "{name}"')
    match change:
        case ("up",):
            link.up = True
        case ("down",):
            link.up = False
        case ("alias", text):
            link.alias = text
        case ("nomaster",):
            link.master = None
        case ("master", bridge) if bridge not in state.links:
            return failed(f'Error: argument "{bridge}" is wrong: Device does not exist\n', 255)
        case ("master", bridge) if state.links[bridge].kind != "bridge":
            return failed("RTNETLINK answers: Operation not supported", 2)
        case ("master", bridge):
            link.master = bridge
        case _:
            raise UnknownError
    return Result()


def _delete(state: State, name: str) -> Result:
    if name not in state.links:
        return failed(f'Cannot find device "{name}"')
    if not state.links[name].kind:
        return failed("RTNETLINK answers: Operation not supported", 2)
    remove(state, name)
    return Result()


def remove(state: State, name: str) -> None:
    """The device gone; its ports stay, without it."""
    state.links.pop(name, None)
    for link in state.links.values():
        if link.master == name:
            link.master = None


PROGRAMS: dict[str, Callable[[State, tuple[str, ...], bytes], Result]] = {"ip": ip}
