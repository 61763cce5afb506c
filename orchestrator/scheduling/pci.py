"""PCI devices of a host for guests: what the inventory lists less what instances have (nova/pci/stats.py)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from orchestrator.model import errors
from orchestrator.model.desired import Flavor
from orchestrator.model.instance import Device
from orchestrator.scheduling.host_state import HostState

KEY = "pci_passthrough:alias"
WISH = re.compile(r"\s*([^\s:,]+)\s*:\s*([1-9][0-9]{0,2})\s*")


def wanted(flavor: Flavor) -> tuple[tuple[str, int], ...]:
    """The aliases that the flavor asks devices of, and how many of each: "gpu:1,nic:2". Raises SpecError for what is no such list."""
    text = flavor.extra_specs.get(KEY)
    found = [WISH.fullmatch(each) for each in text.split(",")] if text else []
    if not all(found):
        raise errors.SpecError(f"{KEY} {text!r}", f"flavor {flavor.name!r}", "is no list of alias:number", "such as gpu:1,nic:2")
    return tuple((each[1], int(each[2])) for each in found if each)


def free(state: HostState) -> Mapping[str, tuple[str, ...]]:
    """Addresses of devices that nobody has, by alias."""
    devices = state.host.pci_devices
    taken = {device.address for each in state.residents for device in each.devices} if devices else ()
    return {alias: tuple(each for each in addresses if each not in taken) for alias, addresses in devices.items()}


def choose(state: HostState, flavor: Flavor) -> tuple[Device, ...] | None:
    """The devices for a guest of the flavor: () when it asks for none, None when there are too few. Raises SpecError as `wanted` does."""
    asked = wanted(flavor)
    left = {alias: list(addresses) for alias, addresses in free(state).items()} if asked else {}
    chosen: list[Device] = []
    for alias, count in asked:
        taken, left[alias] = left.get(alias, [])[:count], left.get(alias, [])[count:]
        if len(taken) < count:
            return None
        chosen += [Device(alias, address) for address in taken]
    return tuple(chosen)
