"""What a host is given before any of its instances starts, in this order; each step also takes away what nothing needs any more."""

from __future__ import annotations

FABRIC: tuple[str, ...] = (
    "fabric.remove_namespaces",  # first: bridges go when nothing is in them
    "fabric.ensure_bridges",
    "fabric.ensure_vlans",
    "fabric.ensure_vxlans",
    "fabric.ensure_switches",
    "fabric.ensure_rules",
    "fabric.ensure_frames",
    "fabric.plug_taps",  # after the rules: what is plugged in is judged
    "fabric.ensure_namespaces",
    "fabric.ensure_gateways",
    "fabric.ensure_dhcp",
)
