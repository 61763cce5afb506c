"""Open vSwitch: its bridges, and its ports with what is known of each. One ovs-vsctl answers for all; where there is none, nothing is known.

Marks are `external_ids:orchestrator-owner` on bridges that we made and on ports of instances, and `orchestrator-uplink` on interfaces that we
put in.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence, Set

from msgspec import Struct, field

from orchestrator.commands.command import Command, Record

OWNER, UPLINK = "orchestrator-owner", "orchestrator-uplink"
OURS = (OWNER, UPLINK, "attached-mac", "iface-id", "vm-uuid")
"""The external_ids that mean something here: the others are others'."""
VSCTL = ("ovs-vsctl", "--timeout=30", "--")
"""It waits until the daemon has done what was asked, and no longer than that."""
SCRIPT = """command -v ovs-vsctl >/dev/null || exit 0
if [ -e /sys/module/openvswitch ]; then echo '"system"'; else echo '"netdev"'; fi
exec ovs-vsctl --timeout=10 -f json -- --columns=name,datapath_type,external_ids,ports list Bridge \
-- --columns=_uuid,name,tag,interfaces list Port -- --columns=_uuid,external_ids,error list Interface"""
"""It says of itself that it can do `system` where the kernel has no such thing."""


class Key(Struct, frozen=True):
    """A port's name."""

    name: str

    def __str__(self) -> str:
        return f"Open vSwitch port {self.name}"


class Bridge(Struct, frozen=True):
    """A bridge's name."""

    name: str

    def __str__(self) -> str:
        return f"Open vSwitch bridge {self.name}"


class Marked(Struct, frozen=True):
    """A mark (names.owner): what carries it."""

    owner: str

    def __str__(self) -> str:
        return f"Open vSwitch bridges of {self.owner}"


class Port(Struct, frozen=True):
    """`tag`: its VLAN, 0 for the untagged, None for all of them. `ids`: its external_ids that mean something here."""

    bridge: str
    tag: int | None
    ids: Mapping[str, str] = field(default_factory=dict)
    error: str = ""  # why it carries nothing


class Switch(Struct, frozen=True):
    """A bridge. `owner`: who made it, "" for somebody else."""

    datapath: str  # system | netdev
    owner: str = ""


class Marks(Struct, frozen=True):
    """Open vSwitch answers. `bridges` that carry a mark, each with its ports but the uplinks that we put in; `datapath`: what this host can do."""

    datapath: str
    bridges: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def without(self, gone: Set[str]) -> Marks:
        """What is left when these ports are gone."""
        return Marks(self.datapath, {name: tuple(port for port in each if port not in gone) for name, each in self.bridges.items()})


def commands(keys: Sequence[object]) -> tuple[Command, ...]:
    # 1: its daemon does not run; 142: does not answer
    return (Command(("sh", "-c", SCRIPT, "ovs"), accepts=(0, 1, 142)),)


def parse(keys: Sequence[object], records: Sequence[Record]) -> dict[object, object]:
    """Of a bridge a Switch, of a port a Port, of a mark Marks; None for what is not there, and for everything where Open vSwitch does not answer."""
    lines = records[0].output.decode("utf-8", "replace").splitlines()
    if records[0].code or len(lines) != 4:
        return dict.fromkeys(keys)
    datapath, *tables = (json.loads(line) for line in lines)
    bridges, ports, interfaces = (_rows(table) for table in tables)
    known = {str(row["_uuid"]): row for row in interfaces}
    plugged = {port: str(row["name"]) for row in bridges for port in _set(row["ports"])}
    found: dict[object, object] = {Bridge(str(row["name"])): Switch(str(row["datapath_type"] or "system"), _owner(row)) for row in bridges}
    for row in ports:
        each = [known[interface] for interface in _set(row["interfaces"])]
        ids = {key: value for interface in each for key, value in _map(interface["external_ids"]) if key in OURS}
        fault = " ".join(word for interface in each for word in _set(interface["error"]))
        tag = next(iter(_set(row["tag"])), None)
        found[Key(str(row["name"]))] = Port(plugged.get(str(row["_uuid"]), ""), None if tag is None else int(tag), ids, fault)
    for key in keys:
        if isinstance(key, Marked):
            found[key] = _marks(key.owner, datapath, found)
    return {key: found.get(key) for key in keys}


def _marks(owner: str, datapath: str, found: Mapping[object, object]) -> Marks:
    mine = sorted(
        key.name for key, value in found.items() if isinstance(key, Bridge) and isinstance(value, Switch) and value.owner == owner
    )
    ports = [(key.name, value) for key, value in found.items() if isinstance(key, Key) and isinstance(value, Port)]
    others = {name: sorted(port for port, each in ports if each.bridge == name != port and each.ids.get(UPLINK) != owner) for name in mine}
    return Marks(datapath, {name: tuple(ports) for name, ports in others.items()})


def _rows(table: Mapping[str, Sequence[object]]) -> list[dict[str, object]]:
    """A table as ovs-vsctl prints it (RFC 7047: `["uuid", ...]`, `["set", [...]]`, `["map", [[key, value], ...]]`), atoms made plain."""
    rows = (dict(zip(table["headings"], row, strict=True)) for row in table["data"] if isinstance(row, list))
    return [
        {str(name): value[1] if isinstance(value, list) and value[0] == "uuid" else value for name, value in row.items()} for row in rows
    ]


def _set(value: object) -> Iterator[str]:
    """The members; one alone stands for itself."""
    for each in value[1] if isinstance(value, list) and value[0] == "set" else [value]:
        yield str(each[1] if isinstance(each, list) else each)


def _map(value: object) -> list[tuple[str, str]]:
    return [(str(key), str(each)) for key, each in value[1]] if isinstance(value, list) else []


def _owner(row: Mapping[str, object]) -> str:
    return dict(_map(row["external_ids"])).get(OWNER, "")
