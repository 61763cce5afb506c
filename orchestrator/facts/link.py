"""A network device: its kind, its bridge, whether it is up, whether it carries our mark, and the host's own addresses on it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from orchestrator.commands.command import Command, Record

MARK = "orchestrator"
"""The alias of devices that we made: only those are ever removed."""


@dataclass(frozen=True, slots=True)
class Key:
    """A device name."""

    name: str

    def __str__(self) -> str:
        return f"network device {self.name}"


@dataclass(frozen=True, slots=True)
class Link:
    """`kind` is bridge, tun (taps are) or another of iproute2's, "" for a physical device; `master` the bridge it is a port of.

    `addresses` (global ones) come and go by themselves, so two links are equal whatever they are.
    """

    kind: str
    master: str | None
    up: bool
    ours: bool
    addresses: tuple[str, ...] = field(default=(), compare=False)


def commands(keys: Sequence[Key]) -> tuple[Command, ...]:
    return (Command(("ip", "-d", "-j", "address", "show")),)


def parse(keys: Sequence[Key], records: Sequence[Record]) -> dict[Key, Link | None]:
    found = {device["ifname"]: device for device in json.loads(records[0].output or "[]")}
    return {key: _link(found[key.name]) if key.name in found else None for key in keys}


def _link(device: dict[str, object]) -> Link:
    info = device.get("linkinfo")
    flags = device.get("flags")
    master = device.get("master")
    addresses = device.get("addr_info")
    return Link(
        kind=str(info.get("info_kind", "")) if isinstance(info, dict) else "",
        master=str(master) if master else None,
        up=isinstance(flags, list) and "UP" in flags,
        ours=device.get("ifalias") == MARK,
        addresses=tuple(each["local"] for each in addresses if each.get("scope") == "global") if isinstance(addresses, list) else (),
    )
