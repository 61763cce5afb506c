"""Time and ids: the only sources of either, so that a run can be replayed."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Time on the controller; host clocks decide nothing."""

    def now(self) -> str:
        """UTC, ISO 8601 with milliseconds and Z."""

    def monotonic(self) -> float:
        """Seconds, for durations."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class Ids(Protocol):
    """New ids."""

    def uuid(self) -> str:
        """A new uuid, lower case with dashes."""
