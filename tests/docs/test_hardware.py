"""The page on hardware has every word that playbooks may say of it."""

from __future__ import annotations

from orchestrator.files.playbook import properties
from tests.docs.pages import ROOT


def test_every_extra_spec_and_property_is_told() -> None:
    page = (ROOT / "docs/hardware.md").read_text()
    specs = set(properties.ExtraSpecs.__struct_encode_fields__) - {"asked"}
    inner = {f"hw:numa_{kind}.{node}" for kind in ("cpus", "mem") for node in range(1, 7)}
    assert {word for word in (specs - inner) | set(properties.ImageProperties.__struct_fields__) if f"`{word}`" not in page} == set()
