"""Every step of a fabric in the situations that it may meet. Golden files and properties are about the same ones."""

from __future__ import annotations

from tests.samples import firewall, networks, services, taps
from tests.samples.grounds import Case

CASES: tuple[Case, ...] = (*networks.CASES, *firewall.CASES, *services.CASES, *taps.CASES)
