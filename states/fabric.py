"""What a host is given before any of its instances starts, in this order; each step also takes away what nothing needs any more."""

from __future__ import annotations

FABRIC: tuple[str, ...] = ()
