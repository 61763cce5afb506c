"""Taps of running guests: in their bridges, out of them, in others, gone."""

from __future__ import annotations

from collections.abc import Callable

from tests.fakes.state import Link, State
from tests.samples import grounds, instances, networks

PLUG = "fabric.plug_taps"
PORT = instances.port(1)
FABRIC = networks.fabric(networks.segment(networks.PLAIN, bridge=PORT.bridge), ports=(PORT,))


def _tap(master: str | None, up: bool = True, bridge: bool = True) -> Callable[[State], None]:
    def arrange(state: State) -> None:
        state.links[PORT.tap] = Link("tun", up, master)
        state.links["br-other"] = Link("bridge", True)
        if bridge:
            state.links[PORT.bridge] = Link("bridge", True)

    return arrange


CASES = (
    grounds.Case(PLUG, "no_guest_runs", FABRIC),
    grounds.Case(PLUG, "plugged_in", FABRIC, _tap(PORT.bridge)),
    grounds.Case(PLUG, "loose", FABRIC, _tap(None)),
    grounds.Case(PLUG, "down", FABRIC, _tap(PORT.bridge, up=False)),
    grounds.Case(PLUG, "in_another_bridge", FABRIC, _tap("br-other")),
    grounds.Case(PLUG, "its_bridge_is_missing", FABRIC, _tap(None, bridge=False)),
)
