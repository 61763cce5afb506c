"""The page on playbooks says of every field that may be edited what class of change that is."""

from __future__ import annotations

import pytest

from orchestrator.planning.changes import TABLE, Kind
from tests.docs import pages

NAMES = {"Flavor": "flavor", "Image": "image", "Network": "network", "NetworkRequest": "port", "InstanceRequest": "instance"}
INNER = {"image.size", "image.virtual_size", "image.algorithm", "instance.where", "instance.play", "instance.flavor"}
"""What no playbook says, or says by other fields."""


@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.value)
def test_every_field_is_told_with_its_class(kind: Kind) -> None:
    table = pages.prose(pages.ROOT / "docs/playbook.md").partition("## Changing what exists")[2].partition("\n## ")[0]
    row = next(line for line in table.splitlines() if line.startswith(f"| {kind.value} |"))
    fields = {f"{NAMES[noun]}.{field}" for noun, rows in TABLE.items() for field, each in rows.items() if each.kind is kind}
    assert {field for field in fields - INNER if f"`{field}`" not in row} == set()
