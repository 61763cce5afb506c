"""Which frames pass a bridge at all (ebtables): a guest's own MAC address and ARP, nothing that rules cannot judge, and no DHCP server of another host
(neutron arp_protect.py).
"""

from __future__ import annotations

from orchestrator.drivers.firewall import again, chains, layout, restore, strays
from orchestrator.facts import bridge_nf, rules
from orchestrator.facts.gather import Facts, Key
from orchestrator.model import errors, names
from orchestrator.model.fabric import Fabric
from orchestrator.states.step import Todo

PATIENCE = 0.0
TOOL = "ebtables"


def needs(fabric: Fabric) -> tuple[Key, ...]:
    return (rules.Key(TOOL, names.owner(fabric.lineage)), bridge_nf.Key())


def plan(fabric: Fabric, facts: Facts) -> Todo:
    found = _rules(fabric, facts)
    if found.trouble and layout.frames(fabric):
        raise errors.HostError(
            "ebtables does not work, and without it guests could forge addresses",
            why=found.trouble,
            hint="on the host: apt install ebtables",
        )
    lines = _change(fabric, facts).lines
    if lines:
        gone = strays.gone(fabric, found, _devices(facts))
        return Todo("rules for frames are not as they should be", (restore.command(TOOL, lines, gone),))
    return Todo("rules for frames are as they should be" if chains.secured(fabric) else "no port here has frames to be judged")


def expects(fabric: Fabric, facts: Facts) -> dict[Key, object]:
    return {rules.Key(TOOL, names.owner(fabric.lineage)): restore.needed(_change(fabric, facts), _rules(fabric, facts))}


def _rules(fabric: Fabric, facts: Facts) -> rules.Rules:
    found = facts[rules.Key(TOOL, names.owner(fabric.lineage))]
    return found if isinstance(found, rules.Rules) else rules.Rules()


def _devices(facts: Facts) -> tuple[str, ...]:
    host = facts[bridge_nf.Key()]
    return host.devices if isinstance(host, bridge_nf.BridgeNf) else ()


def _change(fabric: Fabric, facts: Facts) -> restore.Change:
    return _changed(fabric, facts[rules.Key(TOOL, names.owner(fabric.lineage))], facts[bridge_nf.Key()])


@again.Again
def _changed(fabric: Fabric, there: object, host: object) -> restore.Change:
    found = there if isinstance(there, rules.Rules) else rules.Rules()
    if found.trouble:
        return restore.Change((), found)
    devices = host.devices if isinstance(host, bridge_nf.BridgeNf) else ()
    wanted = strays.keep(found, layout.frames(fabric), strays.of(fabric, found, devices))
    hooks = {place: each for place, each in layout.frame_hooks(fabric).items() if f"{place.partition('/')[0]}/{each[0]}" in wanted}
    return restore.change(found, wanted, hooks, lambda path: layout.mine_of_frames(fabric, path), "RETURN")
