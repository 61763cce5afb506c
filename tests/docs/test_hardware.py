"""The page on hardware has every word that playbooks may say of it."""

from __future__ import annotations

from orchestrator.files.playbook import properties
from tests.docs.pages import ROOT


def test_every_extra_spec_and_property_is_told() -> None:
    page = (ROOT / "docs/hardware.md").read_text()
    specs = {field.alias or "" for field in properties.ExtraSpecs.model_fields.values()}
    inner = {f"hw:numa_{kind}.{node}" for kind in ("cpus", "mem") for node in range(1, 7)}
    assert {word for word in (specs - inner) | set(properties.ImageProperties.model_fields) if f"`{word}`" not in page} == set()
