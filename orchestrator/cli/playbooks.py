"""What playbooks and flags ask for together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.cli import unfinished
from orchestrator.model import pattern

if TYPE_CHECKING:
    from orchestrator.cli.wiring import Wiring
    from orchestrator.model.desired import Desired


def desired(wiring: Wiring, files: Sequence[Path]) -> Desired:
    """The desired state of the playbooks, as far as --start-at and --limit let it. Raises SpecErrors, NotFound."""
    from orchestrator.planning import limit

    found = wiring.desired(files)
    if wiring.settings.start_at:
        found = limit.start_at(found, wiring.settings.start_at)
    if not wiring.settings.limit:
        return found
    if left := unfinished.find(wiring):
        return limit.only(found, wiring.store.records(), left.names, left.hosts)
    return limit.narrow(found, wiring.store.records(), set(hosts(wiring)))


def concerned(desired: Desired) -> list[str]:
    """The hosts that its instances are on, as far as that can be told from the playbook: none where there are more hosts than instances."""
    hosts = dict.fromkeys(host for wish in desired.instances.values() for host in wish.hosts)
    return list(hosts) if len(hosts) <= len(desired.instances) else []


def hosts(wiring: Wiring) -> tuple[str, ...]:
    """The hosts that --limit leaves, by name; all of them without it. Raises NotFound when that is none."""
    if left := unfinished.find(wiring):
        there = {record.instance.host for record in wiring.store.records() if record.instance.name in left.names}
        return tuple(name for name in wiring.inventory().hosts if name in there | left.hosts)
    return pattern.select(wiring.settings.limit or "all", wiring.inventory())
