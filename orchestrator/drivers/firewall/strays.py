"""Ports whose guests run although the fabric knows nothing of them: to take their rules away would be to open them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from orchestrator.drivers.firewall import chains
from orchestrator.facts.rules import Rules
from orchestrator.model.fabric import Fabric

TAP = re.compile(r"tap([0-9a-f]{8}-[0-9a-f]{2})")


def of(fabric: Fabric, found: Rules, devices: tuple[str, ...]) -> frozenset[str]:
    """Their ids' first 11 characters: there is a chain of theirs, and their tap."""
    return frozenset(each for each in _ids(fabric, found) if f"tap{each}" in devices)


def gone(fabric: Fabric, found: Rules, devices: tuple[str, ...]) -> tuple[str, ...]:
    """Taps of those that have a chain, and no guest any more."""
    return tuple(sorted(f"tap{each}" for each in _ids(fabric, found) if f"tap{each}" not in devices))


def _ids(fabric: Fabric, found: Rules) -> set[str]:
    every = {match[1] for path in found.chains if (match := chains.PORT.fullmatch(path.partition("/")[2]))}
    return every - {each.id[:11] for each in fabric.ports}


def keep(found: Rules, wanted: Mapping[str, tuple[str, ...]], ids: frozenset[str]) -> dict[str, tuple[str, ...]]:
    """What is wanted, and what the strays' rules are: their chains, and in shared ones every rule but those of other ports."""
    if not ids:
        return dict(wanted)
    kept: dict[str, tuple[str, ...]] = {}
    for path, rules in found.chains.items():
        port = chains.PORT.fullmatch(path.partition("/")[2])
        if port and port[1] in ids:
            kept[path] = tuple(each.text for each in rules)
        elif not port:
            kept[path] = (*wanted.get(path, ()), *(each.text for each in rules if set(TAP.findall(each.spec)) <= ids))
    return {**wanted, **kept}
