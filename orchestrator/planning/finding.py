"""One thing that is not as it should be, and what mending it costs."""

from __future__ import annotations

import enum

from msgspec import Struct


class Repair(enum.Enum):
    """What mending costs the guest."""

    LIVE = "live"
    RESTART = "loses nothing"  # the guest does not run: starting it mends
    REBOOT = "needs a reboot"
    CANNOT = "cannot be repaired here"


class Finding(Struct, frozen=True):
    """One thing that is not as it should be.

    `kind`: instance, network, volume, image, file, process, domain or host. `name`: the instance's, or the thing's own. `cause`: a short word that
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
