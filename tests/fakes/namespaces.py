"""Network namespaces, the dnsmasq and the way out in them: our scripts that look at them, make them and take them away."""

from __future__ import annotations

import ipaddress
import json
import posixpath
from collections.abc import Callable, Iterator

from orchestrator.facts import dhcp, gateway, ovs
from orchestrator.states.steps.fabric import ensure_dhcp, ensure_gateways, ensure_namespaces, remove_namespaces
from tests.fakes import coreutils, iproute
from tests.fakes.state import File, Link, Namespace, Result, State, UnknownError, failed


def _owned(state: State, owner: str, root: str) -> list[str]:
    """Names of namespaces and folders that are the owner's."""
    folders = {posixpath.basename(path) for path in state.files if posixpath.dirname(path) == root}
    return sorted(name for name in {*state.namespaces, *folders} if name.startswith(f"{owner}-net-"))


def _look(state: State, operands: tuple[str, ...]) -> Result:
    owner, root = operands
    lines = ["dnsmasq"] if "dnsmasq" not in state.missing else []
    for name in _owned(state, owner, root):
        network = name.removeprefix(f"{owner}-net-")
        lines += [f"network {network}", *_cable(state, name, f"dh{network}")]
        for server in state.namespaces[name].servers if name in state.namespaces else ():
            lines += ["process", *(f"argument {word}" for word in server)]
        leases = {path: file for path, file in sorted(state.files.items()) if posixpath.dirname(path) == f"{root}/{name}/hosts"}
        lines += [f"lease {posixpath.basename(path)} {_text(file)}" for path, file in leases.items() if isinstance(file, File)]
        lines += ["loaded"] if f"{root}/{name}/loaded" in state.files else []
    return _said(lines)


def _text(file: File) -> str:
    return file.content.decode().partition("\n")[0]


def _said(lines: list[str]) -> Result:
    return Result(0, "".join(f"{line}\n" for line in lines).encode())


def _cable(state: State, name: str, device: str) -> Iterator[str]:
    """Both ends are there, or none."""
    namespace, outer = state.namespaces.get(name), state.links.get(device)
    if not namespace or not outer:
        return
    flags = ["BROADCAST", "MULTICAST", "UP"]
    found = ({"family": "inet", "scope": "global", **_split(address)} for address in namespace.addresses)
    yield "inside " + json.dumps([{"ifname": dhcp.INSIDE, "flags": flags, "mtu": namespace.mtu, "addr_info": list(found)}])
    shown = {"ifname": device, "flags": flags if outer.up else flags[:2], "mtu": outer.mtu}
    yield "outside " + json.dumps([shown | ({"master": outer.master} if outer.master else {})])
    for switch, found_switch in (state.switches or {}).items():
        if device in found_switch.ports:
            yield f"switch {switch} {found_switch.ports[device][0]}"


def _split(address: str) -> dict[str, object]:
    found = ipaddress.ip_interface(address)
    return {"local": str(found.ip), "prefixlen": found.network.prefixlen}


def _make(state: State, operands: tuple[str, ...]) -> Result:
    name, device, owner, mtu, bridge, kind, *tag = operands
    namespace = state.namespaces.setdefault(name, Namespace())
    if device not in state.links:
        namespace.addresses = []
    there = state.links.setdefault(device, Link("veth"))
    there.alias, there.mtu, namespace.mtu = owner, int(mtu), int(mtu)
    if kind == "switch":
        switch = (state.switches or {}).get(bridge)
        if not switch:
            return failed(f"ovs-vsctl: no bridge named {bridge}")
        switch.ports[device] = (int(tag[0]), {ovs.OWNER: owner})
    elif bridge not in state.links:
        return failed(f'Error: argument "{bridge}" is wrong: Device does not exist\n', 255)
    else:
        there.master = bridge
    there.up = True
    return Result()


def ip(state: State, argv: tuple[str, ...], stdin: bytes) -> Result:
    """`ip -n NAME address del|replace ADDRESS dev eth0`, else what iproute.py knows."""
    if argv[1] != "-n":
        return iproute.ip(state, argv, stdin)
    name, *words = argv[2:]
    if words.pop(0) != "address" or name not in state.namespaces:
        raise UnknownError
    match words:
        case ("del", found, "dev", dhcp.INSIDE):
            if found not in state.namespaces[name].addresses:
                return failed("RTNETLINK answers: Cannot assign requested address", 2)
            state.namespaces[name].addresses.remove(found)
        case ("replace", found, "dev", dhcp.INSIDE, *_):
            state.namespaces[name].addresses = [*(each for each in state.namespaces[name].addresses if each != found), found]
        case _:
            raise UnknownError
    return Result()


def _remove(state: State, operands: tuple[str, ...]) -> Result:
    name, folder, owner, network = operands
    for switch in (state.switches or {}).values():
        switch.ports.pop(f"dh{network}", None)
    for device in (f"gw{network}", f"dh{network}"):
        if device in state.links and state.links[device].alias == owner:
            iproute.remove(state, device)
    state.namespaces.pop(name, None)
    coreutils.rm(state, ("rm", "-rf", "--", folder), b"")
    above = posixpath.dirname(folder)
    while above not in ("/", "/var", "/var/lib") and not coreutils.below(state, above):
        state.files.pop(above, None)
        above = posixpath.dirname(above)
    return Result()


def _leases(state: State, operands: tuple[str, ...]) -> Result:
    folder, *words = operands
    coreutils.mkdir(state, ("mkdir", "-p", "--", f"{folder}/hosts"), b"")
    state.files.pop(f"{folder}/loaded", None)
    for port, line in zip(words[::2], words[1::2], strict=True):
        state.files.pop(f"{folder}/hosts/{port}", None)
        if line:
            state.files[f"{folder}/hosts/{port}"] = File(f"{line}\n".encode())
    return Result()


def _reload(state: State, operands: tuple[str, ...]) -> Result:
    state.files[f"{operands[0]}/loaded"] = File()
    return Result()


def _serve(state: State, operands: tuple[str, ...]) -> Result:
    name, folder, *server = operands
    coreutils.mkdir(state, ("mkdir", "-p", "--", f"{folder}/hosts"), b"")
    state.namespaces[name].servers = [tuple(server)]
    return _reload(state, (folder,))


def _gateways(state: State, operands: tuple[str, ...]) -> Result:
    owner, _ = operands
    lines = ["iptables"] if "iptables" not in state.missing else []
    lines += [f"forward {int(state.forwards)}"]
    lines += [
        f"near {device} {address}" for device, link in state.links.items() for address in link.addresses if address.startswith("169.254.")
    ]
    outside = {device: rules for device, rules in sorted(state.outlets.items()) if any(f"{owner}gw-" in rule for rule in rules)}
    lines += [f"outside {table} -A {chain} -j {owner}gw-{chain}" for table, chains in gateway.CHAINS for chain in chains if outside]
    lines += [f"outside {rule}" for rules in outside.values() for rule in rules]
    for name, namespace in sorted(state.namespaces.items()):
        network = name.removeprefix(f"{owner}-net-")
        link = state.links.get(f"gw{network}")
        if name == network or not link or not namespace.far:
            continue
        lines += [f"network {network}", f"far {namespace.far}", "end", *(["end"] if link.up else []), f"via {namespace.via}", "inner 1"]
        lines += [f"inside {rule}" for rule in namespace.inside]
    return _said([*lines, "end-of-gateways"])


def _open(state: State, operands: tuple[str, ...]) -> Result:
    owner, name, device, near, far, mtu, count, *rules = operands
    if name not in state.namespaces:
        return failed(f'Cannot open network namespace "{name}": No such file or directory')
    state.outlets[device] = tuple(rules[: int(count)])
    state.namespaces[name].inside = tuple(rules[int(count) :])
    state.links[device] = Link("veth", True, alias=owner, addresses=(near,), mtu=int(mtu))
    state.namespaces[name].far, state.namespaces[name].via = far, near
    state.forwards = True
    return Result()


def _close(state: State, operands: tuple[str, ...]) -> Result:
    owner, device = operands
    if device in state.links and state.links[device].alias == owner:
        iproute.remove(state, device)
    state.outlets.pop(device, None)
    return Result()


SCRIPTS: dict[str, Callable[[State, tuple[str, ...]], Result]] = {
    dhcp.SCRIPT: _look,
    gateway.SCRIPT: _gateways,
    remove_namespaces.REMOVE: _remove,
    ensure_namespaces.MAKE: _make,
    ensure_dhcp.LEASES: _leases,
    ensure_dhcp.RELOAD: _reload,
    ensure_dhcp.SERVE: _serve,
    ensure_gateways.OPEN: _open,
    ensure_gateways.CLOSE: _close,
}
PROGRAMS: dict[str, Callable[[State, tuple[str, ...], bytes], Result]] = {"ip": ip}
