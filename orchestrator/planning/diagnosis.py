"""What is wrong with an instance on its host, and what would mend it: expected against observed, each finding with its cause and the class of its repair."""

from __future__ import annotations

import enum

from msgspec import Struct

from orchestrator.facts.gather import Facts
from orchestrator.model.instance import Record
from orchestrator.planning import decide
from orchestrator.planning.groundwork import Groundwork


class Repair(enum.Enum):
    """What mending costs the guest."""

    LIVE = "live"
    RESTART = "loses nothing"  # the guest does not run: starting it mends
    REBOOT = "needs a reboot"
    CANNOT = "cannot be repaired here"


class Finding(Struct, frozen=True):
    """One thing that is not as it should be.

    `kind`: instance, network, volume, image, process, domain, file or host. `name`: the instance's, or the thing's own. `cause`: a short word that
    stays what it is, for programs. `detail`: what was expected and found. `remedy`: what a repair does, or, of what cannot be repaired, what the operator can.
    """

    kind: str
    name: str
    host: str
    cause: str
    detail: str
    repair: Repair
    remedy: str

    def __str__(self) -> str:
        return f"{self.name} ({self.host}): {self.cause}: {self.detail} -> [{self.repair.value}] {self.remedy}"


def diagnose(record: Record, facts: Facts, ground: Groundwork | None = None) -> tuple[Finding, ...]:
    """Everything that is wrong with the instance, and with what its host's instances share; empty when all is as it should be."""
    name, host = record.instance.name, record.instance.host
    return tuple(Finding("instance", name, host, "differs", line, Repair.LIVE, "mend it") for line in decide.drift(record, facts))
